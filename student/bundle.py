"""The bundle: a folder with a student, its heads and what is needed to trust them.

The format is written down in `docs/bundle-format.md`. Reading decides in this order: is there anything,
is it ours, can we read its version, is the manifest sound, is every file there, whole and unaltered, and is
nothing else there. Only then are its bytes given out. Signatures are not here: the update system signs the
bundle's digest, which is the SHA-256 of `manifest.json` and through it of every file.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from student.digests import Digest, digest_bytes, digest_file
from student.errors import (
    BundleDamaged,
    BundleExists,
    BundleForeign,
    BundleMissing,
    BundleTooNew,
    BundleTruncated,
    ManifestInvalid,
)

FORMAT: Final = "orilla-bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
DEFAULT_BUNDLE = Path(__file__).parent / "default_bundle"
MAX_MANIFEST_BYTES = 1 << 20

_FILE_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$"
FileName = Annotated[str, StringConstraints(pattern=_FILE_NAME, max_length=200)]
"""A relative path of plain characters: no `..`, no leading dot or slash, no backslash."""


class _Part(BaseModel):
    """A part of the manifest. Fields unknown to this version are kept, so that a copy loses nothing."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class FileEntry(_Part):
    """What the manifest says of one file."""

    sha256: Digest
    size_bytes: Annotated[int, Field(ge=0)]


class EncoderEntry(_Part):
    """The encoder: an ONNX graph from `input_ids`, `attention_mask` to two embeddings, and its tokenizer."""

    graph: FileName
    tokenizer: FileName
    dimension: Annotated[int, Field(ge=1, le=8192)]
    max_tokens: Annotated[int, Field(ge=8, le=8192)]


class HeadEntry(_Part):
    """A linear head on the sentence embedding; its file holds `weight` (C, D) and `bias` (C,)."""

    file: FileName
    labels: Annotated[list[str], Field(min_length=2)]
    temperature: Annotated[float, Field(gt=0)]
    threshold: Annotated[float, Field(ge=0, le=1)]


class ProbesEntry(_Part):
    """Texts whose embeddings the encoder must reproduce on the branch's own CPU."""

    file: FileName
    min_similarity: Annotated[float, Field(gt=0, le=1)]


class Origin(_Part):
    """One thing the bundle was made from: a teacher, a data set, an earlier bundle, a release."""

    role: str
    name: str
    sha256: Digest
    license: str


class License(_Part):
    """A licence that applies to part of the bundle; `file` holds its text or its attribution."""

    spdx: str
    applies_to: str
    file: FileName


class Manifest(_Part):
    """`manifest.json`: what the bundle is, what it is made of and made from."""

    format: Literal["orilla-bundle"] = FORMAT
    format_version: Annotated[int, Field(ge=1)] = FORMAT_VERSION
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    serial: Annotated[int, Field(ge=1)]
    created: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    embedding_space: Digest
    languages: Annotated[list[str], Field(min_length=1)]
    encoder: EncoderEntry
    heads: dict[str, HeadEntry] = {}
    probes: ProbesEntry
    limits: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    lineage: list[Origin]
    licenses: Annotated[list[License], Field(min_length=1)]
    model_card: FileName
    files: Annotated[dict[FileName, FileEntry], Field(max_length=1000)]

    @model_validator(mode="after")
    def _lists_every_file_it_names(self) -> Self:
        named = [self.encoder.graph, self.encoder.tokenizer, self.probes.file, self.model_card]
        named += [head.file for head in self.heads.values()] + [license_.file for license_ in self.licenses]
        unlisted = sorted(set(named) - set(self.files))
        if unlisted:
            raise ValueError(f"files does not list {', '.join(unlisted)}")
        if MANIFEST in self.files:
            raise ValueError("files lists the manifest itself")
        return self


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: its folder.
        manifest: what it says of itself.
        digest: SHA-256 of the manifest's bytes: the bundle's identity.
    """

    path: Path
    manifest: Manifest
    digest: str

    def read(self, name: str) -> bytes:
        """The bytes of one listed file, checked again as they are read.

        Raises:
            BundleTruncated: the file has gone or become shorter since the bundle was opened.
            BundleDamaged: it has changed since.
        """
        entry = self.manifest.files[name]
        _check_size(self.path, name, entry)
        content = (self.path / name).read_bytes()
        _check_digest(self.path, name, entry, digest_bytes(content))
        return content


def open_bundle(path: Path) -> Bundle:
    """Opens a bundle and verifies every byte of it.

    Args:
        path: the bundle's folder.

    Returns:
        The bundle, every listed file present, whole and unaltered, and no other file beside them.

    Raises:
        BundleMissing, BundleForeign, BundleTooNew, ManifestInvalid, BundleTruncated, BundleDamaged: in the
            order in which they are found out; see `student.errors`.
    """
    content = _read_manifest(path)
    manifest = parse_manifest(content, path)
    for name, entry in manifest.files.items():
        _check_size(path, name, entry)
    for name, entry in manifest.files.items():
        _check_digest(path, name, entry, digest_file(path / name))
    extra = sorted(_files_below(path) - set(manifest.files) - {MANIFEST})
    if extra:
        raise BundleDamaged(
            f"bundle {path} holds {len(extra)} file(s) that its manifest does not list, {extra[0]!r} first; "
            "get the bundle again, or remove what was added to it"
        )
    return Bundle(path, manifest, digest_bytes(content))


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
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BundleForeign(
            f'{path} is not an Orilla bundle: its manifest does not say "format": "{FORMAT}"; check the path'
        )
    version = value.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BundleTooNew(
            f"bundle {path} has format version {version}; this program reads up to {FORMAT_VERSION}; "
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


def write_bundle(path: Path, fields: Mapping[str, Any], files: Mapping[str, bytes], *, replace: bool = False) -> Bundle:
    """Writes a bundle aside, every file fsynced, and renames it into place.

    A crash leaves no half-written bundle at `path`: the old one, the new one, or for one instant of a
    replacement none, with both in a hidden folder beside it.

    Args:
        path: the folder to make.
        fields: the manifest without `files`.
        files: name → content of every file but the manifest.
        replace: allow an existing bundle at `path` to be replaced.

    Returns:
        The new bundle, opened from disk and verified.

    Raises:
        BundleExists: something is at `path` and may not, or should not, be replaced.
        ManifestInvalid: the fields break the format.
    """
    if path.exists() and not (replace and (path / MANIFEST).is_file()):
        raise BundleExists(f"{path} exists; name another folder, or pass --force to replace a bundle there")
    entries = {name: {"sha256": digest_bytes(c), "size_bytes": len(c)} for name, c in files.items()}
    value = {"format": FORMAT, "format_version": FORMAT_VERSION, **fields, "files": entries}
    content = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    parse_manifest(content, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as aside:
        new = Path(aside) / "new"
        for name, body in {**files, MANIFEST: content}.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            write_durably(new / name, body)
        if path.exists():
            path.rename(Path(aside) / "old")
        new.rename(path)
        _sync_folder(path.parent)
    return open_bundle(path)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file aside, fsyncs it and renames it into place: the old content or the new, never a part."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    _sync_folder(path.parent)


def _read_manifest(path: Path) -> bytes:
    if not path.exists():
        raise BundleMissing(f"no bundle at {path}; name a bundle's folder with --bundle")
    manifest = path / MANIFEST
    if not path.is_dir() or manifest.is_symlink() or not manifest.is_file():
        raise BundleForeign(f"{path} is not an Orilla bundle: it has no {MANIFEST}; check the path")
    if manifest.stat().st_size > MAX_MANIFEST_BYTES:
        raise ManifestInvalid(f"{manifest} is larger than {MAX_MANIFEST_BYTES} bytes; get the bundle again")
    return manifest.read_bytes()


def _check_size(folder: Path, name: str, entry: FileEntry) -> None:
    path = folder / name
    if not path.is_file():
        raise BundleTruncated(f"bundle {folder} lacks {name}; get the bundle again")
    if path.resolve() != folder.resolve() / name:
        raise BundleDamaged(f"bundle {folder} holds {name} behind a link, expected a plain file; get the bundle again")
    size_bytes = path.stat().st_size
    if size_bytes < entry.size_bytes:
        raise BundleTruncated(
            f"bundle {folder}: {name} has {size_bytes} bytes, expected {entry.size_bytes}; get the bundle again"
        )
    if size_bytes > entry.size_bytes:
        raise BundleDamaged(
            f"bundle {folder}: {name} has {size_bytes} bytes, expected {entry.size_bytes}; get the bundle again"
        )


def _check_digest(folder: Path, name: str, entry: FileEntry, digest: str) -> None:
    if digest != entry.sha256:
        raise BundleDamaged(
            f"bundle {folder}: {name} has SHA-256 {digest}, expected {entry.sha256}; get the bundle again"
        )


def _files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
