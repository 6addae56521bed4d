"""Writing and reading a release's folder.

It is written in a temporary folder and renamed into place, and read in this order: is it there, is it signed by the
federation's key, is it of a version we read, is every file whole, does what it says hold together. Only then are its
numbers used.

Guarantees:
    What is refused leaves the disk as it was.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from federation.errors import ReleaseRefused
from federation.learning.parts import part_named
from federation.release.format import RELEASE_FILE, SIGNATURE_FILE, Release
from federation.release.signing import read_verifying_key
from student.artifacts.digests import digest_bytes
from student.artifacts.durable import making_folder
from student.artifacts.settings import first_problem

_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A release that was verified.

    Attributes:
        release: what it says.
        learned: what it teaches, as its part reads it: a `LinearHead`, a `QueryAdapter`.
        digest: of `release.json`.
    """

    release: Release
    learned: Any
    digest: str


def write_release(path: Path, release: Release, learned: bytes, key: Ed25519PrivateKey) -> None:
    """Writes a release, signed, into a temporary folder, and renames it into place.

    Raises:
        ReleaseRefused: something is at `path`, or what was learned is not what the release names.
    """
    name = release.learned_file
    if path.exists():
        raise ReleaseRefused(f"{path} exists; a release is never written over")
    if digest_bytes(learned) != release.learned_sha256:
        raise ReleaseRefused(f"{name} is not the one that the release names")
    content = (release.model_dump_json(indent=1, exclude_none=True) + "\n").encode()
    with making_folder(path) as new:
        (new / name).write_bytes(learned)
        (new / RELEASE_FILE).write_bytes(content)
        (new / SIGNATURE_FILE).write_bytes(base64.b64encode(key.sign(content)) + b"\n")


def read_release(path: Path, key: Path, *, part: str | None = None) -> VerifiedRelease:
    """Reads a release and verifies all of it.

    Args:
        path: its folder.
        key: file of the federation's public key.
        part: that it must be of; None for any.

    Raises:
        ReleaseRefused: missing, not signed with that key, altered, of a later version, contradicting itself, or of
            another part.
        KeysInvalid: the key cannot be read.
    """
    content = _read(path / RELEASE_FILE)
    try:
        read_verifying_key(key).verify(base64.b64decode(_read(path / SIGNATURE_FILE).strip(), validate=True), content)
    except (InvalidSignature, binascii.Error) as error:
        raise ReleaseRefused(
            f"release {path} is not signed with {key}: it was altered, or is of another federation; get it again"
        ) from error
    release = _parse(content, path)
    learned = _read(path / release.learned_file)
    if digest_bytes(learned) != release.learned_sha256:
        raise ReleaseRefused(f"release {path}: {release.learned_file} is not the one that was signed; get it again")
    if part is not None and release.part != part:
        found, expected = part_named(release.part).title, part_named(part).title
        raise ReleaseRefused(f"release {path} is of the {found}; expected one of the {expected}")
    try:
        return VerifiedRelease(release, part_named(release.part).parse(learned, release), digest_bytes(content))
    except ValueError as error:
        raise ReleaseRefused(f"release {path}: {release.learned_file}: {error}") from error


def _parse(content: bytes, path: Path) -> Release:
    try:
        return Release.model_validate_json(content)
    except ValidationError as error:
        raise ReleaseRefused(
            f"release {path} does not hold together, or is of a later format: {first_problem(error)}; it is not used"
        ) from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReleaseRefused(f"{path} is larger than {_MAX_BYTES} bytes; it is no release's")
        return path.read_bytes()
    except OSError as error:
        raise ReleaseRefused(f"{path} cannot be read: {error.strerror}; get the release again") from error
