"""Limits of a bundle, computed from what is known of it: for its manifest and model card."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from student.bundle.linear_head import LinearHead
from student.distill.encoder.student_card import weakest_parts
from student.distill.encoder.vocabulary import pieces_of
from student.distill.heads.intent_head import LabelledTexts
from student.distill.pretrained import Pretrained
from student.intents.folds import NEAR_COPY

TOKENIZER_FIGURES, MESSAGE_FIGURES = "tokenizer_on_comparison_texts", "intent_head_on_messages"
INTENT_FIGURES, FINDING_FIGURES = "intent_head_on_held_out_texts", "int8_against_float_at_finding_passages"
_MANY_COPIES = 0.2


def measure_tokenizer(tokenizer: bytes, texts: Sequence[str], *, max_tokens: int) -> dict[str, float]:
    """Figures of a tokenizer on texts: its pieces, the share that is unknown, the share of texts past the window."""
    reader = Tokenizer.from_str(tokenizer.decode())
    reader.no_truncation()
    reader.no_padding()
    names = ("[UNK]", "<unk>")
    unknown = next((number for name in names if (number := reader.token_to_id(name)) is not None), -1)
    encodings = reader.encode_batch(list(texts))
    ids = np.concatenate([np.array(encoding.ids, dtype=np.int64) for encoding in encodings])
    return {
        "texts": len(texts),
        "vocabulary": len(pieces_of(tokenizer.decode())),
        "unknown_share": round(float((ids == unknown).mean()), 6),
        "tokens_a_word": round(len(ids) / max(1, sum(len(text.split()) for text in texts)), 3),
        "longer_than_the_window": round(float(np.mean([len(e.ids) > max_tokens for e in encodings])), 4),
    }


def bundle_limits(
    pretrained: Pretrained,
    tokenizer: bytes,
    head: LinearHead,
    intents: LabelledTexts,
    metrics: Mapping[str, Any],
) -> dict[str, Any]:
    """`limits` of a manifest: a summary, the intended use, and what is known of the bundle's limits.

    Args:
        pretrained: the encoder.
        tokenizer: the content of its `tokenizer.json`.
        head: the intent head.
        intents: texts that it was trained on.
        metrics: groups of figures of the manifest.
    """
    of = f"{pretrained.name}, {pretrained.dimension} numbers a text, in ONNX, quantized to int8"
    known = [
        *_language_limits(pretrained, tokenizer, metrics[TOKENIZER_FIGURES]),
        *_intent_limits(head, intents, metrics),
        *(weakest_parts(pretrained.distillation) if pretrained.distillation else []),
        *_unmeasured(pretrained, metrics),
    ]
    return {
        "summary": of + (", distilled from a teacher." if pretrained.distillation else ", not distilled."),
        "intended_use": "Finding and citing passages of a branch's own documents, and naming a message's intent.",
        "known": known,
    }


def _language_limits(pretrained: Pretrained, tokenizer: bytes, figures: Mapping[str, float]) -> list[str]:
    distillation = pretrained.distillation
    languages = ", ".join(distillation["languages"]) if distillation else "en"
    made_for = " made for these languages" if distillation else ""
    limits = [
        f"Meant for {languages}. Its {figures['vocabulary']:,.0f} pieces are{made_for or ' its own'}; of the pieces of "
        f"{figures['texts']:,.0f} comparison texts {figures['unknown_share']:.2%} are unknown, of other scripts most "
        "are.",
        f"Of a text only the first {pretrained.max_tokens} tokens are seen, about "
        f"{pretrained.max_tokens / figures['tokens_a_word']:.0f} words; {figures['longer_than_the_window']:.1%} of the "
        "comparison texts are longer.",
    ]
    normalizer = json.dumps(json.loads(tokenizer).get("normalizer") or {})
    if '"lowercase": true' in normalizer.lower() or '"type": "lowercase"' in normalizer.lower():
        limits.append("Upper and lower case are not told apart, nor letters with and without accents.")
    return limits


def _intent_limits(head: LinearHead, intents: LabelledTexts, metrics: Mapping[str, Any]) -> list[str]:
    languages = sorted({language for language in intents.languages if language})
    said = f" in {', '.join(languages)}" if languages else ", whose language their file does not say"
    limits = [
        f"It names {len(head.labels)} intents, learned from {len(intents.texts):,} texts{said}; a deployment with "
        "other intents trains its own head."
    ]
    copies = metrics[INTENT_FIGURES]["near_copies"]
    if copies >= _MANY_COPIES:
        limits.append(
            f"{copies:.0%} of the intent texts have a near copy among the others (cosine of {NEAR_COPY} or more), so "
            "the accuracy below is higher than messages of real customers will see."
        )
    return limits


def _unmeasured(pretrained: Pretrained, metrics: Mapping[str, Any]) -> list[str]:
    """Limits by what no figure of the bundle says."""
    limits = []
    if MESSAGE_FIGURES not in metrics:
        limits.append("Its intents were not measured on messages of real customers (`export --messages` does).")
    if FINDING_FIGURES not in metrics:
        limits.append("What int8 loses at finding passages was not measured (`export --passages` does).")
    if pretrained.distillation:
        parts = ", ".join(pretrained.distillation["mix"])
        limits.append(f"It learned from texts of these kinds: {parts}. Other subjects are understood less.")
    limits.append("How well it finds a branch's own documents is not measured here: `orilla student evaluate` does.")
    return limits
