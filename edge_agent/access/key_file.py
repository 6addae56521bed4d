"""The file of a store's keys: digests alone, readable by its owner alone, changed as a whole under a lock.

It stands beside the database, not in it: the command line changes it while the store is served, by the right to write
the folder, and an exported base carries no keys. A server sees changes at its next request.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from edge_agent.access.keys import ApiKey, NewKey, after_hours, in_words, is_secret_of, key_id_of, make_key
from edge_agent.access.scopes import Scope
from edge_agent.audit.lines import Action
from edge_agent.audit.log import AuditLog
from edge_agent.errors import InputInvalid, KeysExposed, KeyUnknown, StoreDamaged
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE, make_private_folder, read_private

KEYS = "keys.json"
"""Name of the file in the store's folder."""
MAX_KEYS = 1000
_KEYS = TypeAdapter(tuple[ApiKey, ...])


class KeyFile:
    """The keys of a store. Safe to use from several threads and processes.

    Guarantees:
        Keys in a file that another user could read or write open nothing (`KeysExposed`).
    """

    def __init__(self, store: Path) -> None:
        """Looks at nothing yet.

        Args:
            store: its folder, made when the first key is.
        """
        self._path = store / KEYS
        self._audit = AuditLog(store)
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, ...], tuple[ApiKey, ...]] | None = None

    def all(self) -> tuple[ApiKey, ...]:
        """The keys in the order in which they were made, those that ended included.

        Raises:
            StoreDamaged: they cannot be read. KeysExposed: others could read or write them.
        """
        try:
            status = self._path.lstat()
        except FileNotFoundError:
            return ()
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)  # ctime: of mode and owner
        with self._lock:
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, self._parsed())
            return self._read[1]

    def find(self, secret: str, now: datetime) -> ApiKey | None:
        """The active key that a secret is; None where there is none. Raises as `all`."""
        key_id = key_id_of(secret)
        return next(
            (k for k in self.all() if k.key_id == key_id and k.is_active(now) and is_secret_of(k, secret)), None
        )

    def create(
        self, name: str, scopes: tuple[Scope, ...], *, now: datetime, expires_at: datetime | None = None
    ) -> NewKey:
        """Makes a key and keeps its digest. Raises `InputInvalid`, and as `all`."""
        made = make_key(name, scopes, now=now, expires_at=expires_at)
        self._change(lambda keys: (*keys, made.key), {Action.KEY_CREATED: made.key.key_id})
        return made

    def rotate(self, key_id: str, *, now: datetime, overlap_hours: float = 0) -> NewKey:
        """Makes a key like an active one, which ends: at once, or after some hours for its users to change over.

        Raises:
            KeyUnknown: there is no active key with that id. InputInvalid, StoreDamaged, KeysExposed: see `create`.
        """
        former = self._active(key_id, now)
        expires_at = None if former.expires_at is None else datetime.fromisoformat(former.expires_at)
        made = make_key(former.name, former.scopes, now=now, expires_at=expires_at)
        ends = after_hours(now, overlap_hours)
        if overlap_hours <= 0:
            ended = replace(former, revoked_at=in_words(now))
        else:
            ended = replace(former, expires_at=in_words(ends if expires_at is None else min(ends, expires_at)))
        done = {Action.KEY_ROTATED: key_id, Action.KEY_CREATED: made.key.key_id}
        self._change(lambda keys: (*(ended if key.key_id == key_id else key for key in keys), made.key), done)
        return made

    def revoke(self, key_id: str, *, now: datetime) -> None:
        """Ends a key, at once and for good. Raises `KeyUnknown`, and as `all`."""
        ended = replace(self._active(key_id, now), revoked_at=in_words(now))
        done = {Action.KEY_REVOKED: key_id}
        self._change(lambda keys: tuple(ended if key.key_id == key_id else key for key in keys), done)

    def _active(self, key_id: str, now: datetime) -> ApiKey:
        for key in self.all():
            if key.key_id == key_id and key.is_active(now):
                return key
        raise KeyUnknown("no active key has that id; list them with `orilla edge keys list` or GET /v1/keys")

    def _change(self, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]], done: Mapping[Action, str]) -> None:
        """Changes the file, and records what is done to which key."""
        make_private_folder(self._path.parent)
        with FileLock(self._path.with_suffix(".lock"), mode=PRIVATE_FILE):
            changed = change(self.all())
            if len(changed) > MAX_KEYS:
                raise InputInvalid(
                    f"there are {MAX_KEYS} keys, ended ones included; delete {self._path} to begin again"
                )
            for action, key_id in done.items():
                self._audit.record(action, key_id)
            write_durably(self._path, _KEYS.dump_json(changed, indent=1), mode=PRIVATE_FILE)

    def _parsed(self) -> tuple[ApiKey, ...]:
        try:
            return _KEYS.validate_json(read_private(self._path, "the file of keys", KeysExposed))
        except (OSError, ValidationError):
            raise StoreDamaged(
                f"the keys in {self._path} cannot be read, so none is accepted; restore the file from a backup, or "
                "delete it and make new keys with `orilla edge keys create`"
            ) from None
