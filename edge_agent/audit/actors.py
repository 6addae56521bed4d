"""The actor: whoever the work at hand is done for, as the audit log names them.

It travels with the context: a request's goes along into the threads that serve it, and a job keeps who gave it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

COMMANDS = "commands"
"""Whoever runs commands on this machine by the right to write the store's folder, the server among them."""
NOBODY = "nobody"
"""Who asks without a key, for what needs none."""
_ACTOR = ContextVar("orilla_actor", default=COMMANDS)


def current_actor() -> str:
    """The name of the actor; an id, never a secret."""
    return _ACTOR.get()


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Makes somebody the actor for as long as the block lasts."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)
