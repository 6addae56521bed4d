"""API keys: 256 random bits, known by their SHA-256 alone, with scopes and an end.

A key reads `orilla_ID_SECRET`. Its id is no secret: it is looked up and listed by that. A digest without salt or
stretching is enough for a secret that nobody can guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge_agent.access.scopes import Scope
from edge_agent.errors import InputInvalid

_PREFIX = "orilla"
_SECRET_BYTES = 32
MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept, without its secret.

    Attributes:
        key_id: 12 hexadecimal digits.
        name: by which staff know it.
        scopes: what it opens, in the order of `Scope`.
        secret_sha256: of the whole key.
        created_at: RFC 3339, UTC.
        expires_at: RFC 3339, UTC; None for never.
        revoked_at: RFC 3339, UTC; None while it was not.
    """

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_sha256: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether it opens anything at a moment."""
        return self.revoked_at is None and (self.expires_at is None or now < datetime.fromisoformat(self.expires_at))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its secret, which is shown once and kept nowhere."""

    key: ApiKey
    secret: str


def make_key(name: str, scopes: Sequence[Scope], *, now: datetime, expires_at: datetime | None = None) -> NewKey:
    """A new key.

    Args:
        name: 1 to 100 printable characters.
        scopes: at least one.
        now: the moment.
        expires_at: later than that; None for never.

    Raises:
        InputInvalid: one of these is not so.
    """
    if not 0 < len(name.strip()) <= MAX_NAME_CHARS or not name.isprintable():
        raise InputInvalid(f"a key needs a name of 1 to {MAX_NAME_CHARS} printable characters")
    if not scopes:
        raise InputInvalid(f"a key needs a scope; expected one or more of {', '.join(Scope)}")
    if expires_at is not None and expires_at <= now:
        raise InputInvalid("a key cannot end before it begins; expected a later time")
    key_id = secrets.token_hex(6)
    secret = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    ordered = tuple(scope for scope in Scope if scope in scopes)
    ends = None if expires_at is None else in_words(expires_at)
    return NewKey(ApiKey(key_id, name.strip(), ordered, _digest(secret), in_words(now), ends), secret)


def key_id_of(secret: str) -> str:
    """The id that a key says it has, "" where it is no key."""
    prefix, _, rest = secret.partition("_")
    return rest.partition("_")[0] if prefix == _PREFIX else ""


def is_secret_of(key: ApiKey, secret: str) -> bool:
    """Whether a secret is a key's, found in a time that says nothing of how far it was right."""
    return hmac.compare_digest(_digest(secret), key.secret_sha256)


def after_hours(now: datetime, hours: float) -> datetime:
    """A moment some hours later. Raises `InputInvalid` where there is none."""
    try:
        return now + timedelta(hours=hours)
    except OverflowError:
        raise InputInvalid("that is too far away; expected fewer hours or days") from None


def in_words(moment: datetime) -> str:
    """A moment in RFC 3339, UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", errors="surrogatepass")).hexdigest()
