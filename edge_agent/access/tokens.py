"""Tokens of an identity provider (JWT, RFC 7519; keys as JWKS, RFC 7517), by configuration: issuer, audience, scopes.

Only what is signed with a key pair counts. The keys come from a file, or from a URL of the provider: the one
connection that a server ever opens, and only where it is told to.
"""

import hashlib
import json
import logging
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt

from edge_agent.access.scopes import Caller, Scope
from edge_agent.errors import InputInvalid

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
PREFIX = "orilla:"
"""Before a scope's name in a token, so that no scope of another program is taken for one of ours."""
_KEY_TYPES = ("RSA", "EC", "OKP")
_LEEWAY_S, _MAX_TOKEN_CHARS = 30, 16_000
_FETCHED_AGAIN_S, _RENEWED_S, _FETCH_TIMEOUT_S = 60, 3600, 5


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which tokens count.

    Attributes:
        issuer: as it stands in the claim `iss`.
        audience: of this server, one of those in `aud`.
        keys: path of a JWKS file, or its https URL.
        scope_claim: that holds the scopes, as words or a list; a path with dots where it lies deeper.
    """

    issuer: str
    audience: str
    keys: str
    scope_claim: str = "scope"


class TokenVerifier:
    """Verifies tokens. Safe to use from several threads."""

    def __init__(self, settings: TokenSettings) -> None:
        """Reads the keys.

        Raises:
            InputInvalid: a file of keys is not there, or holds none; or the URL is not https.
        """
        self._settings = settings
        self._lock = threading.Lock()
        self._is_url = "://" in settings.keys
        if self._is_url and not settings.keys.startswith("https://"):
            raise InputInvalid("the keys of tokens are fetched by https alone; expected an https URL, or a file")
        self._keys: dict[str, Any] = {}
        self._read_at = -float("inf")
        self._modified_ns = -1
        self.refresh()
        if not self._keys and not self._is_url:
            raise InputInvalid(
                f"{settings.keys} holds no public keys of tokens; expected a JWKS with one of {', '.join(_KEY_TYPES)}"
            )

    def caller_of(self, token: str) -> Caller | None:
        """The caller that a token is of; None where it does not count here or opens nothing."""
        if len(token) > _MAX_TOKEN_CHARS:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(str(header.get("kid", "")))
            if key is None or header.get("alg") != key.algorithm_name:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        scopes = _scopes_in(claims, self._settings.scope_claim)
        subject = hashlib.sha256(f"{claims['iss']} {claims['sub']}".encode()).hexdigest()[:12]
        return Caller(f"token {subject}", scopes) if scopes else None

    def needs_refresh(self, token: str) -> bool:
        """Whether the keys may have changed since they were read: then call `refresh`, which may wait."""
        age_s = time.monotonic() - self._read_at
        if not self._is_url:
            return self._file_time() != self._modified_ns
        if age_s > _RENEWED_S:
            return True
        try:
            return age_s > _FETCHED_AGAIN_S and jwt.get_unverified_header(token).get("kid", "") not in self._keys
        except (jwt.PyJWTError, ValueError):
            return False

    def refresh(self) -> None:
        """Reads the keys again; where that fails, those of before stay."""
        asked_at = time.monotonic()
        with self._lock:
            if self._read_at > asked_at:  # somebody else did while this one waited
                return
            self._read_at, self._modified_ns = time.monotonic(), self._file_time()
            try:
                self._keys = _parsed(self._fetched())
            except (OSError, ValueError, httpx.HTTPError) as error:
                log.warning("the keys of tokens cannot be read (%s); those of before stay", type(error).__name__)

    def _fetched(self) -> bytes:
        if not self._is_url:
            return Path(self._settings.keys).read_bytes()
        trusted = ssl.create_default_context()  # the system's authorities, or those of SSL_CERT_FILE
        with httpx.Client(verify=trusted, timeout=_FETCH_TIMEOUT_S, trust_env=False) as http:
            return http.get(self._settings.keys).raise_for_status().content

    def _file_time(self) -> int:
        try:
            return -1 if self._is_url else Path(self._settings.keys).stat().st_mtime_ns
        except OSError:
            return -1


def _parsed(content: bytes) -> dict[str, Any]:
    """The public keys of a JWKS by their id, those of algorithms that count. Raises `ValueError` where it is none."""
    keys = json.loads(content).get("keys")
    if not isinstance(keys, list):
        raise ValueError
    parsed = {}
    for key in keys:
        if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig":
            try:
                made = jwt.PyJWK(key)
            except (jwt.PyJWTError, ValueError):
                continue  # of a curve or kind that is not known here
            if made.algorithm_name in ALGORITHMS:
                parsed[str(key.get("kid", ""))] = made
    return parsed


def _scopes_in(claims: dict[str, Any], path: str) -> frozenset[Scope]:
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    known = {f"{PREFIX}{scope}": scope for scope in Scope}
    return frozenset(known[word] for word in words if isinstance(word, str) and word in known)
