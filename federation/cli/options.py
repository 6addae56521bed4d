"""Options and arguments that several commands of the federation share."""

from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from student.extras import import_extra

DEFAULT_HOME = Path(platformdirs.user_data_dir("orilla")) / "federation"
HomeOption = Annotated[Path, typer.Option("--home", envvar="ORILLA_FEDERATION_HOME", help="The federation's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
LedgerArgument = Annotated[Path, typer.Argument(help="A ledger's file, or the folder of a branch.")]
RecipeArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The run's recipe, a TOML file.")]


def import_flower() -> None:
    """Imports what the extra `federation` installs. Raises `ExtraMissing`."""
    import_extra("the federation", "federation", ("flwr", "jinja2", "matplotlib"))
