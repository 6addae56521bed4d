"""Tiny sentence-transformers folders of every architecture that matters, of random weights, made in a second."""

import warnings
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from teacher.encoders.settings import EncoderSettings

WIDTH = 32
WINDOW = 48
TEXTS = ["red server", "La copia de seguridad del dominio.", "How do I pay the invoice? " * 9, "."]

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.?;¿"
_VOCABULARY = {piece: n for n, piece in enumerate([*_SPECIAL, *_LETTERS, *(f"##{each}" for each in _LETTERS)])}
_SIZES: dict[str, Any] = {
    "vocab_size": len(_VOCABULARY),
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.5,
    "pad_token_id": 0,
}


def tiny_tokenizer(architecture: str = "bert") -> PreTrainedTokenizerFast:
    """A tokenizer of letters, with [CLS] and [SEP] or, as decoders have it, without."""
    tokenizer = Tokenizer(models.WordPiece(_VOCABULARY, unk_token=_SPECIAL[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if architecture != "qwen2":
        ends = [(piece, _VOCABULARY[piece]) for piece in ("[CLS]", "[SEP]")]
        tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    names = {f"{piece[1:-1].lower()}_token": piece for piece in _SPECIAL}
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if architecture == "bert" else [])]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=WINDOW, model_input_names=inputs, **names
    )


def tiny_model(architecture: str) -> Any:
    """A random model of an architecture; its weights are the same in every process."""
    torch.manual_seed(3)
    if architecture == "modernbert":
        return _tiny_modernbert()
    positions = {"max_position_embeddings": WINDOW}
    shifted = {"max_position_embeddings": WINDOW + 1}  # positions begin after that of the padding
    model, config = {
        "bert": (BertModel, BertConfig(**_SIZES, **positions)),
        "xlm-roberta": (XLMRobertaModel, XLMRobertaConfig(**_SIZES, **shifted)),
        "roberta": (RobertaModel, RobertaConfig(**_SIZES, **shifted)),
        "mpnet": (MPNetModel, MPNetConfig(**_SIZES | {"pad_token_id": 1}, max_position_embeddings=WINDOW + 2)),
        "qwen2": (Qwen2Model, Qwen2Config(**_SIZES, **positions, num_key_value_heads=2)),
        "distilbert": (
            DistilBertModel,
            DistilBertConfig(
                vocab_size=len(_VOCABULARY),
                dim=WIDTH,
                n_layers=2,
                n_heads=4,
                hidden_dim=64,
                initializer_range=0.5,
                **positions,
            ),
        ),
    }[architecture]
    return model(config)


def _tiny_modernbert() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.compile is touched when the module is imported
        from transformers import ModernBertConfig, ModernBertModel

        ends = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
        config = ModernBertConfig(
            **_SIZES,
            **ends,
            max_position_embeddings=WINDOW,
            initializer_cutoff_factor=2.0,
            global_attn_every_n_layers=2,
        )
        return ModernBertModel(config)


def make_folder(
    folder: Path,
    architecture: str = "bert",
    pooling: str | tuple[str, ...] = "mean",
    *,
    dense: int | None = None,
    normalize: bool = False,
    **settings: Any,
) -> Path:
    """A sentence-transformers folder, saved by the installed version; `settings` are of SentenceTransformer."""
    plain = folder.with_name(f"{folder.name}-plain")
    tiny_model(architecture).save_pretrained(plain)
    tiny_tokenizer(architecture).save_pretrained(plain)
    modules: list[Any] = [Transformer(str(plain)), Pooling(WIDTH, pooling)]
    if dense:
        torch.manual_seed(4)
        modules.append(Dense(modules[-1].pooling_output_dimension, dense))
    if normalize:
        modules.append(Normalize())
    SentenceTransformer(modules=modules, device="cpu", **settings).save(str(folder), create_model_card=False)
    return folder


def settings_of(model: Path | str, **changes: Any) -> EncoderSettings:
    """Settings of a tiny encoder."""
    values: dict[str, Any] = {"name": "tiny", "model": str(model), "license": "Apache-2.0", **changes}
    return EncoderSettings(**values)
