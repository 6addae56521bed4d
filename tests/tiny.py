"""A tiny teacher of random weights that knows English only, and a tiny language in English and Spanish."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import torch
from transformers import BertConfig

from student.distill.encoder.model import StudentModel, save_sentence_transformer
from student.distill.encoder.vocabulary import tokenizer_json, train_vocabulary
from student.distill.export.bundle_export import export_bundle
from student.distill.export.recipe import ExportRecipe
from student.distill.pretrained import Pretrained, open_pretrained

WORDS = [
    "red",
    "blue",
    "green",
    "fast",
    "slow",
    "server",
    "mail",
    "domain",
    "invoice",
    "backup",
    "restore",
    "password",
    "login",
    "site",
    "cloud",
    "key",
]
SPANISH = [
    "rojo",
    "azul",
    "verde",
    "rapido",
    "lento",
    "servidor",
    "correo",
    "dominio",
    "factura",
    "copia",
    "restaurar",
    "clave",
    "acceso",
    "sitio",
    "nube",
]
SPANISH.append("llave")


def sentences(count: int) -> list[tuple[str, str]]:
    generator = random.Random(5)
    picks = [[generator.randrange(len(WORDS)) for _ in range(4)] for _ in range(count)]
    return [(" ".join(WORDS[i] for i in pick), " ".join(SPANISH[i] for i in pick)) for pick in picks]


def make_tiny_teacher(folder: Path, *, spread: float = 0.5) -> Pretrained:
    """A two-layer BERT of 32 dimensions; weights of a wide spread make it tell texts apart by their order."""
    torch.manual_seed(1)
    english = [text for text, _ in sentences(400)]
    pieces = train_vocabulary(english, [], size=300, trained=300)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=spread,
    )
    tokenizer = tokenizer_json(pieces, 32)
    save_sentence_transformer(StudentModel(config).eval(), tokenizer, folder, max_tokens=32)
    return open_pretrained(folder, name="tiny teacher", license_="Apache-2.0")


def make_tiny_bundle(folder: Path) -> Path:
    """A bundle of the tiny teacher itself, with an intent head of three labels."""
    pairs = list(dict.fromkeys(sentences(80)))
    rows = [json.dumps({"text": f"{english} {n}", "label": "abc"[n % 3]}) for n, (english, _) in enumerate(pairs)]
    (folder / "intents.jsonl").write_text("\n".join(rows), encoding="utf-8")
    recipe = ExportRecipe("tiny", 1, folder / "intents.jsonl", "made-up intents", "Apache-2.0", None, ())
    teacher = make_tiny_teacher(folder / "teacher", spread=0.1)
    export_bundle(teacher, recipe, folder / "bundle", now=datetime(2026, 11, 30, tzinfo=UTC))
    return folder / "bundle"
