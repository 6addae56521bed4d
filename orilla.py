"""The command line: joins the commands of the packages. Heavy imports wait until a command needs them."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

import edge_agent.cli.commands
import federation.cli.commands
import student.cli
import student.distill.cli
import student.distill.cross_encoder.cli
import student.distill.verifier.cli
import student.evaluation.cli
import student.intents.cli
import student.masking.cli
import teacher.cli.commands
import teacher.loop.cli
from student.errors import Interrupted, OrillaError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Orilla: a support assistant that answers from a branch's own documents, offline.",
)
app.add_typer(edge_agent.cli.commands.app, name="edge")
student.cli.app.add_typer(student.distill.cli.app)
student.cli.app.add_typer(student.distill.verifier.cli.app)
student.cli.app.add_typer(student.distill.cross_encoder.cli.app)
student.cli.app.add_typer(student.evaluation.cli.app)
student.cli.app.add_typer(student.intents.cli.app)
student.cli.app.add_typer(student.masking.cli.app)
app.add_typer(student.cli.app, name="student")
app.add_typer(federation.cli.commands.app, name="federation")
app.add_typer(teacher.cli.commands.app, name="teacher")
app.command("lineage")(teacher.cli.commands.lineage_command)
app.command("loop")(teacher.loop.cli.loop_command)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"orilla {version('orilla')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Takes the options before a command; --version, by its callback, needs no command after it."""


def main() -> None:
    """Runs a command; what the project refuses on purpose is one line on stderr and exit status 2."""
    if sys.platform != "linux":
        sys.exit(f"Orilla runs on Linux, this is {sys.platform}. Use a Linux machine, a container or WSL 2.")
    try:
        app()
    except Interrupted as stopped:
        sys.stderr.write(f"{stopped}\n" if str(stopped) else "")
        sys.exit(stopped.exit_status)
    except OrillaError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print("[red]error:[/red] ", end="")
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
