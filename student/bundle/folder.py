"""The bundle: a folder with a student, its heads and what is needed to trust them.

The format is written down in `docs/bundle-format.md`. Reading decides in this order: is there anything,
is it ours, can we read its version, is the manifest sound, is every file there, whole and unaltered, and is
nothing else there. Only then are its bytes given out. Signatures are not here: the update system signs the
bundle's digest, which is the SHA-256 of `manifest.json` and through it of every file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_bytes, digest_file
from student.artifacts.durable import making_folder
from student.bundle.manifest import (
    BUNDLE_FORMAT,
    MANIFEST,
    FileEntry,
    Manifest,
    format_version_of,
    parse_manifest,
)
from student.errors import BundleDamaged, BundleExists, BundleForeign, BundleMissing, BundleTruncated, ManifestInvalid

MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: its folder.
        manifest: its description of itself.
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


def write_bundle(path: Path, fields: Mapping[str, Any], files: Mapping[str, bytes], *, replace: bool = False) -> Bundle:
    """Writes a bundle to a temporary folder, every file fsynced, and renames it into place.

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
    require_writable(path, replace=replace)
    entries = {name: {"sha256": digest_bytes(c), "size_bytes": len(c)} for name, c in files.items()}
    version = format_version_of(fields.get("heads", {}))
    value = {"format": BUNDLE_FORMAT, **fields, "format_version": version, "files": entries}
    content = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    parse_manifest(content, path)
    with making_folder(path, replace=replace) as new:
        for name, body in {**files, MANIFEST: content}.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(body)
    return open_bundle(path)


def require_writable(path: Path, *, replace: bool) -> None:
    """Raises `BundleExists` where something is at `path` and may not, or should not, be replaced by a bundle."""
    if path.exists() and not (replace and (path / MANIFEST).is_file()):
        raise BundleExists(f"{path} exists; name another folder, or pass --force to replace a bundle there")


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
