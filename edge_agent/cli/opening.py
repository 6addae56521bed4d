"""The agent that a command works with: in this process where the store is free, else the server that has it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

KEY, KEY_FILE = "ORILLA_KEY", "ORILLA_KEY_FILE"
"""Names in the environment of the key that commands send to a running server, and of a file that holds it."""

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.client import RemoteAgent


@contextlib.contextmanager
def opened_agent(
    store: Path, bundle: Path, *, makes_store: bool = True, masks_documents: bool = False
) -> "Iterator[Agent | RemoteAgent]":
    """The store's agent for as long as the block lasts.

    Args:
        store: its folder.
        bundle: its folder.
        makes_store: whether a store that is not there is made.
        masks_documents: whether documents are to be masked (`AgentSettings`).

    Raises:
        InputInvalid: there is no store, and none is to be made; or its server masks no documents, and it is to.
        StoreLocked: another process has the store and serves nothing.
    """
    from edge_agent.agent import Agent
    from edge_agent.errors import StoreLocked
    from edge_agent.settings import AgentSettings
    from edge_agent.storage.lock import StoreLock, holder_url

    if not makes_store:
        require_store(store)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(StoreLock(store))
        except StoreLocked:
            url = holder_url(store)
            if url is None:
                raise
            remote = stack.enter_context(contextlib.closing(_remote(store, url)))
            require_masking(remote, is_wanted=masks_documents)
            opened: Agent | RemoteAgent = remote
        else:
            opened = stack.enter_context(Agent(AgentSettings(store, bundle, masks_documents=masks_documents)))
        yield opened


def _remote(store: Path, url: str) -> "RemoteAgent":
    from edge_agent.client import RemoteAgent
    from edge_agent.storage.lock import holder_certificate

    return RemoteAgent(url, _key(store), holder_certificate(store))


def require_masking(remote: "RemoteAgent", *, is_wanted: bool) -> None:
    """Raises `InputInvalid` where documents are to be masked and the server that has the store masks none."""
    from edge_agent.errors import InputInvalid

    if is_wanted and not remote.masks_documents():
        raise InputInvalid(
            "the server that has the store keeps documents as they are; start it again with --mask-documents, or leave "
            "the option away"
        )


def _key(store: Path) -> str:
    """The key to send to the server of a store: the environment's, else the one that it left beside the store."""
    from edge_agent.errors import InputInvalid
    from edge_agent.storage.lock import holder_key

    if path := os.environ.get(KEY_FILE):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputInvalid(
                f"the key in {path} ({KEY_FILE}) cannot be read; expected a file with one key"
            ) from error
    return os.environ.get(KEY) or holder_key(store)


def require_store(store: Path) -> None:
    """Raises `InputInvalid` where a folder holds no store, nor a process that is making one."""
    from edge_agent.errors import InputInvalid
    from edge_agent.storage.database import DATABASE
    from edge_agent.storage.lock import is_held

    if not (store / DATABASE).exists() and not is_held(store):
        raise InputInvalid(f"{store} holds no store; name its folder with --store")


class AgentOpener:
    """Opens a store's agent, and again for a command that outlives servers.

    Once a server had the store, this process never takes the store itself: the server that starts again needs it.
    """

    def __init__(self, store: Path, bundle: Path, *, masks_documents: bool = False) -> None:
        self._store, self._bundle, self._is_masking = store, bundle, masks_documents
        self._was_served = False

    @contextlib.contextmanager
    def __call__(self) -> "Iterator[Agent | RemoteAgent]":
        """The agent for as long as the block lasts. Raises `StoreLocked`, `ServerUnreachable`."""
        from edge_agent.client import RemoteAgent
        from edge_agent.errors import ServerUnreachable
        from edge_agent.storage.lock import holder_url

        if not self._was_served:
            with opened_agent(self._store, self._bundle, masks_documents=self._is_masking) as agent:
                self._was_served = isinstance(agent, RemoteAgent)
                yield agent
            return
        url = holder_url(self._store)
        if url is None:
            raise ServerUnreachable(
                "the server that had the store has ended; start it again, or start this command again"
            )
        with contextlib.closing(_remote(self._store, url)) as remote:
            require_masking(remote, is_wanted=self._is_masking)
            yield remote
