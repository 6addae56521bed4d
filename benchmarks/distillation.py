"""The student beside its teacher, on public texts that neither training nor tuning has seen.

Held out by digest, as `teacher.corpus.is_held_out` decides: a fifth of the guides, whole and in both languages, of the
Python paragraphs and of BANKING77. The teacher reads English only; its Spanish figures are given as they are.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from student.bundle import DEFAULT_BUNDLE, open_bundle
from student.distill.intent_head import calibration_error
from student.distill.pretrained import find_minilm
from student.encoder import Embeddings, Encoder
from teacher.corpus import is_held_out
from teacher.encoding import open_teacher

DATA = Path(__file__).parents[2] / "shared" / "data"
HELD_OUT = 0.2

Encode = Callable[[list[str]], Embeddings]


def run() -> dict[str, Any]:
    """All figures of the default bundle and of its teacher, and what share of the teacher's the bundle keeps."""
    encoder = Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE))
    return compare_with_teacher({"bundle int8": encoder.encode})


def compare_with_teacher(students: dict[str, Encode]) -> dict[str, Any]:
    """Figures of the teacher and of each student; `asymmetric` searches the teacher's documents."""
    teacher = open_teacher(find_minilm(), precision="float32")
    systems: dict[str, Any] = {"teacher": evaluate(teacher, teacher)}
    for name, encode in students.items():
        systems[name] = evaluate(encode, teacher)
    shares = {
        name: {figure: round(value / systems["teacher"][figure], 4) for figure, value in systems[name].items()}
        for name in students
    }
    return {"texts": _sizes(), "systems": systems, "share_of_teacher": shares}


def evaluate(encode: Encode, teacher: Encode) -> dict[str, float]:
    """Every figure of one system."""
    return {**_guides(encode, teacher), **_translations(encode), **_banking(encode), **_clinc(encode)}


def ndcg_at_10(queries: Embeddings, documents: Embeddings) -> float:
    """nDCG@10 where query i (N, D) is answered by document i (N, D) alone: `1 / log2(rank + 1)` up to rank 10."""
    similarities = queries @ documents.T  # (N, N)
    own = np.diagonal(similarities)[:, None]
    ranks = (similarities > own).sum(axis=1) + 1
    return round(float(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).mean()), 4)


def _guides(encode: Encode, teacher: Encode) -> dict[str, float]:
    """Title → guide among the held-out guides: within a language, across, and in the teacher's English documents."""
    titles, bodies = held_out_guides()
    queries = {language: encode(titles[language]) for language in titles}
    documents = {language: encode(bodies[language]) for language in bodies}
    asymmetric = teacher(bodies["en"])
    figures = {f"guides {a}-{b}": ndcg_at_10(queries[a], documents[b]) for a in ("en", "es") for b in ("en", "es")}
    return figures | {f"guides {a}-en asymmetric": ndcg_at_10(queries[a], asymmetric) for a in ("en", "es")}


def _translations(encode: Encode) -> dict[str, float]:
    """A Python paragraph → its translation among all held-out ones."""
    rows = held_out_paragraphs()
    english, spanish = (encode([row[language] for row in rows]) for language in ("en", "es"))
    return {"paragraphs es-en": ndcg_at_10(spanish, english), "paragraphs en-es": ndcg_at_10(english, spanish)}


def _banking(encode: Encode) -> dict[str, float]:
    rows = _read("banking77/train.jsonl")
    test = np.array([is_held_out(row["text"], HELD_OUT) for row in rows])
    x, y = encode([row["text"] for row in rows]), np.array([row["label"] for row in rows])
    probabilities, classes = _classify(x[~test], y[~test], x[test])
    is_right = classes[probabilities.argmax(axis=1)] == y[test]
    error = calibration_error(probabilities.max(axis=1), is_right)
    return {"banking77 accuracy": round(float(is_right.mean()), 4), "banking77 calibration error": round(error, 4)}


def _clinc(encode: Encode) -> dict[str, float]:
    from sklearn.metrics import f1_score, roc_auc_score  # noqa: PLC0415

    train, validation = _read("clinc150/train.jsonl"), _read("clinc150/val.jsonl")
    labels = np.array([row["label"] for row in validation])
    probabilities, classes = _classify(
        encode([row["text"] for row in train]),
        np.array([row["label"] for row in train]),
        encode([row["text"] for row in validation + _read("clinc150/oos_val.jsonl")]),
    )
    inside = probabilities[: len(labels)]
    said = classes[inside.argmax(axis=1)]
    is_inside = np.arange(len(probabilities)) < len(labels)
    return {
        "clinc150 accuracy": round(float((said == labels).mean()), 4),
        "clinc150 macro-F1": round(float(f1_score(labels, said, average="macro")), 4),
        "clinc150 out-of-scope AUROC": round(float(roc_auc_score(is_inside, probabilities.max(axis=1))), 4),
    }


def _classify(x: Embeddings, y: np.ndarray, x_test: Embeddings) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(C=30, max_iter=500).fit(x, y)
    return model.predict_proba(x_test), model.classes_


def held_out_guides() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Titles and bodies of the held-out guides by language, translations side by side."""
    titles: dict[str, list[str]] = {"en": [], "es": []}
    bodies: dict[str, list[str]] = {"en": [], "es": []}
    for folder in ("help_bc", "help_adobe_commerce"):
        guides = {row["id"]: row for row in _read(f"{folder}/articles.jsonl")}
        for pair in _read(f"{folder}/pairs.jsonl"):
            if is_held_out(pair["pair_id"], HELD_OUT):
                for language in ("en", "es"):
                    guide = guides[pair[f"{language}_id"]]
                    titles[language].append(guide["title"])
                    bodies[language].append(_body(guide))
    return titles, bodies


def held_out_paragraphs() -> list[dict[str, str]]:
    """The held-out Python paragraphs with their translation, each English one once."""
    rows = {row["en"]: row for row in _read("parallel_en_es/python_docs.jsonl") if is_held_out(row["en"], HELD_OUT)}
    return list(rows.values())


def _body(guide: dict[str, str]) -> str:
    lines = [line for line in guide["body_markdown"].splitlines() if not line.startswith("# ")]
    return "\n".join(lines).replace(guide["title"], " ")[:4000]


def _sizes() -> dict[str, int]:
    return {"guides": len(held_out_guides()[0]["en"]), "paragraphs": len(held_out_paragraphs())}


def _read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
