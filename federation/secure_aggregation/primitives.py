"""The cryptography of secure aggregation: key pairs from seeds, masks from shared keys, secrets split and sealed.

Primitives only, all from `cryptography` and pycryptodome: X25519, HKDF-SHA256, ChaCha20 as the generator of masks,
ChaCha20-Poly1305, Shamir's sharing of 16-byte secrets. Who masks what is in `branch_session.py` and
`central_session.py`. Why Flower's own
SecAgg+ is not used: its masks have 32 bits of entropy (docs/adr/0036).
"""

import secrets
import struct
from collections.abc import Sequence

import numpy as np
from Crypto.Protocol.SecretSharing import Shamir
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from federation.errors import AggregationRefused

SEED_BYTES = 16
Words = NDArray[np.uint32]
"""Integers modulo 2^32; their sums wrap, as numpy's do."""
Share = tuple[int, bytes]
"""Number from 1 and 16 bytes: one share of a secret."""


def new_seed() -> bytes:
    """A fresh 16-byte secret from the operating system."""
    return secrets.token_bytes(SEED_BYTES)


def private_key(seed: bytes) -> X25519PrivateKey:
    """The X25519 key that a seed stands for; whoever has the seed has the key."""
    return X25519PrivateKey.from_private_bytes(_derive(seed, b"x25519"))


def public_bytes(key: X25519PrivateKey) -> bytes:
    """The 32 bytes of a key pair that may be shown."""
    return key.public_key().public_bytes_raw()


def shared_key(own: X25519PrivateKey, other: bytes, purpose: bytes) -> bytes:
    """The 32-byte key that two parties have in common for one purpose (session and use).

    Raises:
        AggregationRefused: `other` is not a public key, or one of those that make any secret zero.
    """
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:
        raise AggregationRefused("a party's public key is not a usable X25519 key; the round is given up") from error
    return _derive(secret, purpose)


def mask(key: bytes, length: int, purpose: bytes = b"mask") -> Words:
    """A mask of `length` words (length,), uniform to whoever lacks the key: a ChaCha20 stream under it."""
    stream = Cipher(algorithms.ChaCha20(_derive(key, purpose), bytes(16)), mode=None).encryptor()
    return np.frombuffer(stream.update(bytes(4 * length)), dtype="<u4").astype(np.uint32)


def split(secret: bytes, threshold: int, count: int) -> list[bytes]:
    """Splits 16 bytes into `count` shares of which any `threshold` give it back and fewer say nothing (Shamir 1979).

    The share at index i of the list has the number i + 1.
    """
    return [share for _, share in Shamir.split(threshold, count, secret, False)]


def combine(shares: Sequence[Share]) -> bytes:
    """The secret that shares are of; another, with no error, if one of them is not of it."""
    return bytes(Shamir.combine(list(shares), False))


def seal(key: bytes, content: bytes, purpose: bytes) -> bytes:
    """Encrypts and authenticates for the holder of a key that is used once: the nonce is zero."""
    return ChaCha20Poly1305(key).encrypt(bytes(12), content, purpose)


def unseal(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Opens what `seal` made.

    Raises:
        AggregationRefused: it was made with another key, for another purpose, or changed on the way.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), sealed, purpose)
    except InvalidTag as error:
        raise AggregationRefused(
            "a party's sealed shares do not open; they were changed or are of another round"
        ) from error


def to_words(values: NDArray[np.int64]) -> Words:
    """Integers as words modulo 2^32: what is negative wraps."""
    return (values & 0xFFFFFFFF).astype(np.uint32)


def to_integers(words: Words) -> NDArray[np.int64]:
    """Words as integers in [-2^31, 2^31): exact for every sum within it."""
    return words.astype(np.uint32).view(np.int32).astype(np.int64)


def purpose_of(session: bytes, use: str, *nodes: int) -> bytes:
    """Names one use of a key in one session between nodes, so that nothing can be taken from one to another."""
    return b"orilla secure aggregation 1\0" + use.encode() + b"\0" + session + struct.pack(f"<{len(nodes)}Q", *nodes)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret)
