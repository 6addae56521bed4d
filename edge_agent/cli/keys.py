"""`orilla edge keys`: makes, lists, rotates and revokes the keys that callers of the server need."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.access.scopes import MEANINGS, Scope
from edge_agent.cli.options import DEFAULT_STORE, JsonOption, StoreOption

if TYPE_CHECKING:
    from edge_agent.access.key_file import KeyFile
    from edge_agent.access.keys import ApiKey, NewKey

app = typer.Typer(
    no_args_is_help=True,
    help="The keys that callers of the server need. They work while it is served, on the store's folder alone.",
)
KeyArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the key, as `edge keys list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="By which you know it, such as the program that will use it.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="What it opens; may be given again. " + "; ".join(f"{one}: {what}" for one, what in MEANINGS.items())
        ),
    ],
    days: Annotated[
        float | None, typer.Option(min=0.001, help="After which it ends.", show_default="it does not end")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is printed once and kept nowhere: the store holds its digest.

    \b
      orilla edge keys create intranet --scope ask --days 365
      curl -H "Authorization: Bearer KEY" …
    """  # noqa: D301  (the backspace keeps the lines of the examples apart)
    from edge_agent.access.keys import after_hours

    now = datetime.now(UTC)
    expires_at = None if days is None else after_hours(now, 24 * days)
    _show_made(_keys(store).create(name, tuple(scope), now=now, expires_at=expires_at), as_json=as_json)


@app.command("list")
def list_command(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the keys, those that ended included: id, name, scopes, when made and when they end."""
    keys = _keys(store).all()
    if as_json:
        typer.echo(json.dumps([_as_json(key) for key in keys], ensure_ascii=False))
        return
    for key in keys:
        ends = f"revoked {key.revoked_at}" if key.revoked_at else f"ends {key.expires_at or 'never'}"
        state = "" if key.is_active(datetime.now(UTC)) else "  ENDED"
        typer.echo(f"{key.key_id}  {','.join(key.scopes):<12}  made {key.created_at}  {ends}{state}  {key.name}")
    typer.echo(f"{len(keys)} keys")


@app.command()
def rotate(
    key_id: KeyArgument,
    overlap_hours: Annotated[
        float, typer.Option(min=0, help="For which the former key goes on opening, while its users change over.")
    ] = 0,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Make a key with the same name, scopes and end in place of one."""
    made = _keys(store).rotate(key_id, now=datetime.now(UTC), overlap_hours=overlap_hours)
    _show_made(made, as_json=as_json)


@app.command()
def revoke(key_id: KeyArgument, store: StoreOption = DEFAULT_STORE) -> None:
    """End a key, at once and for good; a running server refuses it from its next request on."""
    _keys(store).revoke(key_id, now=datetime.now(UTC))
    typer.echo(f"revoked {key_id}")


def _keys(store: "StoreOption") -> "KeyFile":
    from edge_agent.access.key_file import KeyFile

    return KeyFile(store)


def _show_made(made: "NewKey", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**_as_json(made.key), "secret": made.secret}, ensure_ascii=False))
        return
    typer.echo(f"key {made.key.key_id} for {', '.join(made.key.scopes)}; it is shown this once:", err=True)
    typer.echo(made.secret)


def _as_json(key: "ApiKey") -> dict[str, object]:
    shown = ("key_id", "name", "scopes", "created_at", "expires_at", "revoked_at")
    return {name: getattr(key, name) for name in shown} | {"is_active": key.is_active(datetime.now(UTC))}
