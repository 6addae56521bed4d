"""The manifest of a bundle: its parts, and the lineage of each. The format is `docs/bundle-format.md`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from student.artifacts.digests import Digest
from student.errors import BundleForeign, BundleTooNew, ManifestInvalid

BUNDLE_FORMAT: Final = "orilla-bundle"
BUNDLE_FORMAT_VERSION = 2
"""The latest that is read. Bundles are written as 1 unless a head has a blend, which readers of 1 would leave out."""
MANIFEST = "manifest.json"

_FILE_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$"
FileName = Annotated[str, StringConstraints(pattern=_FILE_NAME, max_length=200)]
"""A relative path of plain characters: no `..`, no leading dot or slash, no backslash."""
Created = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
"""When an artefact was made, as `created_at` writes it: in UTC, to the second; earlier ones sort first."""


def created_at(now: datetime) -> str:
    """A time as a manifest writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Part(BaseModel):
    """A part of the manifest. Fields unknown to this version are kept, so that a copy loses nothing."""

    model_config = ConfigDict(
        frozen=True, extra="allow", strict=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class FileEntry(_Part):
    """Digest and size of one file."""

    sha256: Digest
    size_bytes: Annotated[int, Field(ge=0)]


class EncoderEntry(_Part):
    """The encoder: an ONNX graph from `input_ids`, `attention_mask` to two embeddings, and its tokenizer."""

    graph: FileName
    tokenizer: FileName
    dimension: Annotated[int, Field(ge=1, le=8192)]
    max_tokens: Annotated[int, Field(ge=8, le=8192)]


class BlendEntry(_Part):
    """Additions to a head's logits: `lexical` (columns, C) and, with a basis of B labels, `basis` (B, C).

    Attributes:
        file: holds the weights.
        lexical_version: of the rule by which texts become columns.
        basis: name of another head of the bundle, one without a basis; None where there is none.
    """

    file: FileName
    lexical_version: Annotated[int, Field(ge=1)]
    basis: str | None = None


class HeadEntry(_Part):
    """A linear head on the sentence embedding; its file holds `weight` (C, D) and `bias` (C,)."""

    file: FileName
    labels: Annotated[list[str], Field(min_length=2)]
    temperature: Annotated[float, Field(gt=0)]
    threshold: Annotated[float, Field(ge=0, le=1)]
    blend: BlendEntry | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, write: Any) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        return {name: value for name, value in fields.items() if name != "blend" or value is not None}


class AdapterEntry(_Part):
    """A query adapter; its file holds `a` and `b`, (rank, D) both."""

    file: FileName
    rank: Annotated[int, Field(ge=1, le=256)]


class VerifierEntry(_Part):
    """The answerability verifier: an ONNX graph from token embeddings of question, headings and text to a logit.

    `max_logit_difference`: how far its logit may be from the one that the probes expect.
    """

    file: FileName
    max_logit_difference: Annotated[float, Field(gt=0)]


class CrossEncoderEntry(_Part):
    """The cross-encoder: an ONNX graph from the token ids of a question and a text to a logit.

    `max_logit_difference`: how far its logit may be from the one that the probes expect.
    """

    file: FileName
    max_logit_difference: Annotated[float, Field(gt=0)]


class ProbesEntry(_Part):
    """Texts whose embeddings (and some passages whose logits) the bundle must reproduce on the branch's own CPU."""

    file: FileName
    min_similarity: Annotated[float, Field(gt=0, le=1)]


class Origin(_Part):
    """A thing that an artefact was made from: a teacher, a data set, an earlier bundle, a release.

    Attributes:
        attribution: whom and what the licence asks to name: authors, source, changes; None where nothing is asked.
    """

    role: str
    name: str
    sha256: Digest
    license: str
    attribution: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, write: Any) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        return {name: value for name, value in fields.items() if name != "attribution" or value is not None}


OWN_DOCUMENTS = "own documents"
"""Role in a lineage of a folder of documents that may not be public."""


class PrivacySpent(_Part):
    """Privacy that one release behind this bundle cost a customer of a branch, at most.

    Attributes:
        federation, serial, sha256: the release.
        run_id: of the run it came from, with its `rounds` and the `fewest_branches` in one of them.
        epsilon, delta: of that run; `unit`, `neighboring`, `accountant` and `mechanism` define them.
        largest_ledger_epsilon: largest total over all runs in a branch's ledger after it.
    """

    federation: str
    serial: Annotated[int, Field(ge=1)]
    sha256: Digest
    run_id: str
    rounds: Annotated[int, Field(ge=1)]
    fewest_branches: Annotated[int, Field(ge=1)]
    epsilon: Annotated[float, Field(gt=0)]
    delta: Annotated[float, Field(gt=0, lt=1)]
    unit: str
    neighboring: str
    accountant: str
    mechanism: str
    largest_ledger_epsilon: Annotated[float, Field(ge=0)]


class License(_Part):
    """A licence that applies to part of the bundle; `file` holds its text or its attribution."""

    spdx: str
    applies_to: str
    file: FileName


class Manifest(_Part):
    """`manifest.json`: what the bundle is, what it is made of and made from.

    The answerability verifier's field is called `reader` in the file, its name in version 1 of the format.
    """

    format: Literal["orilla-bundle"] = BUNDLE_FORMAT
    format_version: Annotated[int, Field(ge=1)] = 1
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    serial: Annotated[int, Field(ge=1)]
    created: Created
    embedding_space: Digest
    languages: Annotated[list[str], Field(min_length=1)]
    encoder: EncoderEntry
    heads: dict[str, HeadEntry] = {}
    adapter: AdapterEntry | None = None
    verifier: VerifierEntry | None = Field(default=None, alias="reader")
    cross_encoder: CrossEncoderEntry | None = None
    probes: ProbesEntry
    limits: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    lineage: list[Origin]
    privacy: list[PrivacySpent] = []
    licenses: Annotated[list[License], Field(min_length=1)]
    model_card: FileName
    files: Annotated[dict[FileName, FileEntry], Field(max_length=1000)]

    @model_validator(mode="after")
    def _lists_every_file_it_names(self) -> Self:
        named = [self.encoder.graph, self.encoder.tokenizer, self.probes.file, self.model_card]
        named += [head.file for head in self.heads.values()] + [license_.file for license_ in self.licenses]
        named += [head.blend.file for head in self.heads.values() if head.blend]
        named += [self.adapter.file] if self.adapter else []
        named += [part.file for part in (self.verifier, self.cross_encoder) if part]
        unlisted = sorted(set(named) - set(self.files))
        if unlisted:
            raise ValueError(f"files does not list {', '.join(unlisted)}")
        if MANIFEST in self.files:
            raise ValueError("files lists the manifest itself")
        return self

    @model_validator(mode="after")
    def _has_every_basis(self) -> Self:
        for name, head in self.heads.items():
            basis = head.blend.basis if head.blend else None
            if basis and (basis not in self.heads or ((blend := self.heads[basis].blend) and blend.basis)):
                raise ValueError(f"head {name} names the basis {basis}, expected a head without a basis of its own")
        return self


def format_version_of(heads: Mapping[str, Any]) -> int:
    """The version of the format that a manifest with these heads is written as."""
    return BUNDLE_FORMAT_VERSION if any(head.get("blend") for head in heads.values()) else 1


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """Reads a manifest from bytes; `path` only names it in errors.

    Raises:
        BundleForeign: not JSON of ours. BundleTooNew: a later format. ManifestInvalid: breaks the format.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleForeign(
            f"{path / MANIFEST} is not JSON; expected an Orilla bundle's manifest; check the path"
        ) from error
    if not isinstance(value, dict) or value.get("format") != BUNDLE_FORMAT:
        raise BundleForeign(
            f'{path} is not an Orilla bundle: its manifest does not say "format": "{BUNDLE_FORMAT}"; check the path'
        )
    version = value.get("format_version")
    if isinstance(version, int) and version > BUNDLE_FORMAT_VERSION:
        raise BundleTooNew(
            f"bundle {path} has format version {version}; this program reads up to {BUNDLE_FORMAT_VERSION}; "
            "upgrade orilla, or use an earlier bundle"
        )
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ManifestInvalid(
            f"{path / MANIFEST} breaks the bundle format in {error.error_count()} place(s); "
            f"first, {where}: {first['msg']}; get the bundle again"
        ) from error
