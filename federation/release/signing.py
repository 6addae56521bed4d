"""The Ed25519 keys that releases are signed with at the center, and verified with everywhere else."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from federation.errors import KeysInvalid
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE, read_private

SIGNING_KEY, SIGNING_PUBLIC_KEY = "release.key", "release.pub"


def write_signing_key(folder: Path) -> None:
    """Makes a federation's key pair, `release.key` and `release.pub`.

    Raises:
        KeysInvalid: one of them exists: no key is ever written over.
    """
    check_no_signing_key(folder)
    folder.mkdir(parents=True, exist_ok=True)
    key = ed25519.Ed25519PrivateKey.generate()
    write_secret(folder / SIGNING_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_durably(folder / SIGNING_PUBLIC_KEY, public)


def check_no_signing_key(folder: Path) -> None:
    """Checks that a key pair can be made here.

    Raises:
        KeysInvalid: a file of one exists.
    """
    for name in (SIGNING_KEY, SIGNING_PUBLIC_KEY):
        if (folder / name).exists():
            raise KeysInvalid(f"{folder} holds {name} already; keys are not written over, name another folder")


def read_signing_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """The key that releases are signed with.

    Raises:
        KeysInvalid: the file is missing, holds another kind of key, or is open to others.
    """
    try:
        key = load_pem_private_key(read_private(path, "the signing key", KeysInvalid), password=None)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeysInvalid(f"{path} is not a private key in PEM without a password; restore it from a backup") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeysInvalid(f"{path} is not an Ed25519 key; releases are signed with one")
    return key


def read_verifying_key(path: Path) -> ed25519.Ed25519PublicKey:
    """The key that releases are verified with.

    Raises:
        KeysInvalid: the file is missing or holds another kind of key.
    """
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeysInvalid(f"{path} is not a public key in PEM; get {SIGNING_PUBLIC_KEY} from the center") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise KeysInvalid(f"{path} is not an Ed25519 public key; get {SIGNING_PUBLIC_KEY} from the center")
    return key


def write_secret(path: Path, content: bytes) -> None:
    """Writes a private key that only its owner may read, from its first moment."""
    write_durably(path, content, mode=PRIVATE_FILE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> KeysInvalid:
    return KeysInvalid(f"key {path} cannot be read: {error.strerror}; name the file of a key")
