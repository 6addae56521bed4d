"""A head by itself: its parts as a bundle has them, the digest that it is known by, and a folder that holds one.

A branch keeps heads of its own so, beside the bundle whose embedding space they read: kilobytes, not another encoder.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from student.artifacts.digests import Digest
from student.artifacts.durable import making_folder
from student.bundle.lexical_features import LEXICAL_VERSION
from student.bundle.linear_head import INTENT, LinearHead, pack_blend, pack_head, read_head_among
from student.bundle.manifest import HeadEntry
from student.errors import BundleDamaged, BundleTooNew

BASIS = "intent_basis"
"""Name of the head whose answers are features of the intent head."""
_RECORD = "head.json"
_VERSION = 1


class HeadRecord(BaseModel):
    """`head.json`: a head's identity, the embedding space that it reads, and its entries as in a bundle's manifest."""

    model_config = ConfigDict(frozen=True)

    format: Literal["orilla-head"] = "orilla-head"
    format_version: int = _VERSION
    digest: Digest
    embedding_space: Digest
    dimension: int = Field(ge=1)
    heads: dict[str, HeadEntry]


@dataclass(frozen=True, slots=True)
class StoredHead:
    """An intent head, its digest, and the embedding space that it reads."""

    head: LinearHead
    digest: str
    embedding_space: str


def head_digest(head: LinearHead) -> str:
    """SHA-256 of everything that a head's answers depend on: its identity, in whichever bundle or folder it is."""
    described = [list(head.labels), float(head.temperature), float(head.threshold)]
    state = hashlib.sha256(json.dumps(described, ensure_ascii=False).encode())
    state.update(head.weight.astype("<f4").tobytes())
    state.update(head.bias.astype("<f4").tobytes())
    if head.blend:
        state.update(head.blend.lexical.astype("<f2").tobytes())  # as its file has it
        if head.blend.basis is not None and head.blend.basis_weight is not None:
            state.update(head.blend.basis_weight.astype("<f4").tobytes())
            state.update(head_digest(head.blend.basis).encode())
    return state.hexdigest()


def head_parts(head: LinearHead) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The entries of an intent head and its basis, as a manifest has them, and their files by name."""
    basis = {BASIS: head.blend.basis} if head.blend and head.blend.basis else {}
    entries: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name, each in ({INTENT: head} | basis).items():
        file = f"{name}.safetensors"
        files[file] = pack_head(each.weight, each.bias)
        entries[name] = {
            "file": file,
            "labels": list(each.labels),
            "temperature": each.temperature,
            "threshold": each.threshold,
        }
        if each.blend:
            blend_file = f"{name}-blend.safetensors"
            files[blend_file] = pack_blend(each.blend)
            basis_name = BASIS if each.blend.basis else None
            entries[name]["blend"] = {"file": blend_file, "lexical_version": LEXICAL_VERSION, "basis": basis_name}
    return entries, files


def write_head_folder(path: Path, head: LinearHead, *, embedding_space: str, files: dict[str, bytes]) -> None:
    """Writes a folder of a head, whole or not at all, which its owner alone may read; one that is there is replaced.

    Args:
        path: of the folder.
        head: to be kept.
        embedding_space: that it reads.
        files: further ones, by name.
    """
    entries, parts = head_parts(head)
    record = HeadRecord(
        digest=head_digest(head),
        embedding_space=embedding_space,
        dimension=head.weight.shape[1],
        heads={name: HeadEntry.model_validate(entry) for name, entry in entries.items()},
    )
    with making_folder(path, replace=True) as new:
        new.chmod(0o700)
        for name, content in {**parts, **files, _RECORD: record.model_dump_json(indent=1).encode()}.items():
            (new / name).touch(mode=0o600)
            (new / name).write_bytes(content)


def read_head_folder(path: Path) -> StoredHead:
    """The head in a folder, compared with its digest.

    Raises:
        BundleDamaged: a file is missing or altered. BundleTooNew: a later version wrote it. BundleUnusable: see
            `read_head_among`.
    """
    try:
        record = HeadRecord.model_validate_json((path / _RECORD).read_bytes())
        if record.format_version > _VERSION:
            raise BundleTooNew(
                f"the head in {path} has format {record.format_version}, this program reads {_VERSION}; upgrade orilla"
            )
        head = read_head_among(record.heads, INTENT, record.dimension, lambda name: (path / name).read_bytes())
    except (OSError, ValidationError, KeyError) as error:
        raise BundleDamaged(f"the head in {path} lacks a file, or its record is none; make the head again") from error
    if head_digest(head) != record.digest:
        raise BundleDamaged(f"the head in {path} is not the one that was written; make it again")
    return StoredHead(head, record.digest, record.embedding_space)
