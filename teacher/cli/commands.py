"""The command group `orilla teacher`, and `orilla lineage` beside it."""

import typer

from teacher.cli.absorption import absorb_command
from teacher.cli.adapting import adapt_command
from teacher.cli.corpora import queries_command, questions_command, rankings_command
from teacher.cli.lineage import lineage_command
from teacher.cli.measuring import evaluate_command
from teacher.cli.targets import label_command, relabel_command
from teacher.cli.training import train_command
from teacher.cli.weights import weights_command

__all__ = ["app", "lineage_command"]

app = typer.Typer(
    no_args_is_help=True,
    help="Make a student of your own documents; fine-tune a large encoder, label texts, absorb what branches taught.",
)
app.command("adapt")(adapt_command)
app.command("weights")(weights_command)
app.command("label")(label_command)
app.command("relabel")(relabel_command)
app.command("queries")(queries_command)
app.command("questions")(questions_command)
app.command("rankings")(rankings_command)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("absorb")(absorb_command)
