"""Options and arguments that several commands of the federation share, and the check that its extra is installed."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from student.errors import ExtraMissing

DEFAULT_HOME = Path(platformdirs.user_data_dir("orilla")) / "federation"
HomeOption = Annotated[Path, typer.Option("--home", envvar="ORILLA_FEDERATION_HOME", help="The federation's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
LedgerArgument = Annotated[Path, typer.Argument(help="A ledger's file, or the folder of a branch.")]
RecipeArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The run's recipe, a TOML file.")]


def import_federation_extra(what: str) -> None:
    """Imports what the extra `federation` installs, before any work is done. Raises `ExtraMissing`."""
    try:
        for name in ("flwr", "Crypto"):
            import_module(name)
    except ImportError as error:
        raise ExtraMissing(
            f'{what} needs {error.name or name}, which is not installed; run: pip install "orilla[federation]"'
        ) from error
