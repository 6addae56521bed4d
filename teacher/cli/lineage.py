"""`orilla lineage`: from an answer, a bundle or a release back to what it was made from."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def lineage_command(
    thing: Annotated[
        Path, typer.Argument(exists=True, help="A bundle's or release's folder, or a file with an answer.")
    ],
    within: Annotated[
        list[Path] | None,
        typer.Option("--in", exists=True, file_okay=False, help="Where to look for what it came from."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="release.pub, to check releases' signatures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Walk from an answer, a bundle or a release back to data, teacher, rounds and ledgers, verifying what is found."""
    from rich.tree import Tree

    from teacher.lineage import Node, trace

    root = trace(thing, within or [], key=key)
    if as_json:
        typer.echo(json.dumps(asdict(root), default=str))
        return

    def shown(node: Node) -> str:
        mark = "verified" if node.path else "named   "
        return f"{mark}  {node.role}: {node.name}  {node.sha256[:12]}"

    def grow(tree: Tree, node: Node) -> Tree:
        for below in node.made_from:
            grow(tree.add(shown(below), highlight=False), below)
        return tree

    Console(highlight=False, markup=False).print(grow(Tree(shown(root)), root))
