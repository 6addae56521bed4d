"""Two tiny encoders as one teacher, from a recipe on disk, and texts of both roles for it to label."""

import json
from pathlib import Path

from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.roles import Role
from tests.teacher.encoders.tiny_encoders import make_folder
from tests.tiny import sentences

DIMENSION = 24
ROLES = CorpusRecipe(
    name="roles",
    source=[Source(mix=role, kind="texts", file=f"{role}.jsonl", role=role, license="MIT") for role in Role],
)


def write_mixture(folder: Path, *, pull: float = 0.0, languages: str = "", dimension: int = DIMENSION) -> Path:
    """The recipe of an MPNet that is centered and has prompts, beside a DistilBERT of twice its weight."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("mpnet", "distilbert"):
        make_folder(folder / name, name)
    recipe = folder / "teacher.toml"
    recipe.write_text(
        f'name = "two"\ndimension = {dimension}\ntranslation_pull = {pull}\n\n'
        '[[encoder]]\nname = "mpnet"\nmodel = "mpnet"\nlicense = "MIT"\nprecision = "float32"\nis_centered = true\n'
        'prompts = { query = "asks: ", passage = "says: " }\n\n'
        '[[encoder]]\nname = "distilbert"\nmodel = "distilbert"\nlicense = "Apache-2.0"\nprecision = "float32"\n'
        f"weight = 2.0\n{languages}\n",
        encoding="utf-8",
    )
    return recipe


def write_texts(folder: Path) -> Path:
    """A folder with the files of `ROLES`."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(dict.fromkeys(english for english, _ in sentences(160)))
    for number, role in enumerate(("query", "passage")):
        rows = [json.dumps({"text": text, "lang": "en" if n % 4 else "es"}) for n, text in enumerate(texts[number::2])]
        (folder / f"{role}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
