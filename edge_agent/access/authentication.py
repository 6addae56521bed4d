"""The caller behind a credential: a key of the store, or that of commands on this machine."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edge_agent.access.key_file import KeyFile
from edge_agent.access.scopes import Caller, Scope
from edge_agent.audit import actors

if TYPE_CHECKING:
    from edge_agent.access.tokens import TokenVerifier

THIS_MACHINE = Caller("this machine", frozenset({Scope.ADMIN}))
"""Whoever asks without a key, where the server was started to trust its machine."""
COMMANDS = Caller(actors.COMMANDS, frozenset({Scope.ADMIN}))
"""The commands on this machine that can read the store's folder: they could read and write the store itself."""


class Authentication:
    """Tells who a credential belongs to.

    Attributes:
        keys: of the store.
        tokens: verifies those of an identity provider; None where none count.
        command_key: a key of this process alone, left beside the store for commands; it ends with the process.
    """

    def __init__(self, keys: KeyFile, tokens: "TokenVerifier | None" = None) -> None:
        self.keys = keys
        self.tokens = tokens
        self.command_key = secrets.token_urlsafe(32)
        self._command_digest = hashlib.sha256(self.command_key.encode()).digest()

    def is_token(self, credential: str) -> bool:
        """Whether a credential has the form of a token, and tokens count."""
        return self.tokens is not None and credential.count(".") == 2

    def caller_of(self, credential: str) -> Caller | None:
        """The caller, None where nobody has that credential (any more). Raises as `KeyFile.all`."""
        digest = hashlib.sha256(credential.encode("utf-8", errors="surrogatepass")).digest()
        if hmac.compare_digest(digest, self._command_digest):
            return COMMANDS
        if self.tokens is not None and self.is_token(credential):
            return self.tokens.caller_of(credential)
        key = self.keys.find(credential, datetime.now(UTC))
        return None if key is None else Caller(f"key {key.key_id}", frozenset(key.scopes))
