"""The caller behind a credential: a key of the store, or that of commands on this machine."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

from edge_agent.access.key_file import KeyFile
from edge_agent.access.scopes import Caller, Scope

THIS_MACHINE = Caller("this machine", frozenset({Scope.ADMIN}))
"""Whoever asks without a key, where the server was started to trust its machine."""
COMMANDS = Caller("commands", frozenset({Scope.ADMIN}))
"""The commands on this machine that can read the store's folder: they could read and write the store itself."""


class Authentication:
    """Tells who a credential belongs to.

    Attributes:
        keys: of the store.
        command_key: a key of this process alone, left beside the store for commands; it ends with the process.
    """

    def __init__(self, keys: KeyFile) -> None:
        self.keys = keys
        self.command_key = secrets.token_urlsafe(32)
        self._command_digest = hashlib.sha256(self.command_key.encode()).digest()

    def caller_of(self, credential: str) -> Caller | None:
        """The caller, None where nobody has that credential (any more). Raises `StoreDamaged`."""
        digest = hashlib.sha256(credential.encode("utf-8", errors="surrogatepass")).digest()
        if hmac.compare_digest(digest, self._command_digest):
            return COMMANDS
        key = self.keys.find(credential, datetime.now(UTC))
        return None if key is None else Caller(f"key {key.key_id}", frozenset(key.scopes))
