"""The lines of an audit log and their format."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from student.artifacts.digests import digest_bytes
from student.artifacts.hash_chain import ChainFormat, Line
from student.masking.identifiers import find_identifiers

_VERSION: Final = 1


class Action(StrEnum):
    """Something that was done."""

    DOCUMENT_ADDED = "document added"
    DOCUMENT_REPLACED = "document replaced"
    DOCUMENT_MOVED = "document moved"
    DOCUMENT_DELETED = "document deleted"
    ROOT_ADDED = "root added"
    ROOT_MOVED = "root moved"
    ROOT_FORGOTTEN = "root forgotten"
    FORGOTTEN = "forgotten"
    KEY_CREATED = "key created"
    KEY_ROTATED = "key rotated"
    KEY_REVOKED = "key revoked"
    HEAD_MADE = "intent head made"
    HEAD_ACTIVATED = "intent head activated"
    HEAD_REVERTED = "intent head reverted"
    HEAD_DELETED = "intent head deleted"
    BUNDLE_ACTIVATED = "bundle activated"
    BASE_EXPORTED = "base exported"
    BASE_IMPORTED = "base imported"
    SERVER_STARTED = "server started"
    SERVER_STOPPED = "server stopped"


class AuditOpened(Line):
    """The first line of each file; `previous` is the digest of the last line of the file before."""

    format: Literal["orilla-audit"] = "orilla-audit"
    format_version: Literal[1] = _VERSION
    bundle: str = ""


class AuditLine(Line):
    """Something that was done, or was about to be when the machine failed.

    Attributes:
        actor: `key ID`, `token ID`, `this machine` or `commands`.
        action: see `Action`.
        subject: id of the document, key or head (of a revert, the head that went); label of the root; "" for none.
        root: label of a document's root, "" where it has none.
        digest: SHA-256 of a document's content, or of the bundle that is active from then on; "" where there is none.
        bundle: SHA-256 of the active bundle's manifest, "" where there was none yet.
        counts: how many things were done away with, by their kind.
    """

    actor: str
    action: Action
    subject: str = ""
    root: str = ""
    digest: str = ""
    bundle: str = ""
    counts: Mapping[str, int] = {}


AUDIT_FORMAT = ChainFormat("an audit log", _VERSION, AuditOpened, AuditLine)


def shown_root(label: str) -> str:
    """A root's label as a line may name it: part of its digest where the label holds personal data."""
    return f"sha256:{digest_bytes(label.encode())[:12]}" if find_identifiers(label) else label
