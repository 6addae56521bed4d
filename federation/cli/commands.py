"""`orilla federation …`: teach the student at its branches, under differential privacy."""

import typer

from federation.cli.branch_commands import apply, join, show_ledger, verify_ledger
from federation.cli.center_commands import audit, enroll, report, run, simulate, status, up

app = typer.Typer(
    no_args_is_help=True,
    help="Teach the student at its branches, under differential privacy. To try it: simulate. For real, the center: "
    "up, enroll BRANCH, run RECIPE; each branch: join KIT, then apply RELEASE. docs/federation.md has the whole of it.",
)
ledger_app = typer.Typer(no_args_is_help=True, help="A branch's privacy ledger: what its customers have lost so far.")
app.add_typer(ledger_app, name="ledger")

for command in (up, enroll, join, run, simulate, status, audit, report, apply):
    app.command()(command)
ledger_app.command("show")(show_ledger)
ledger_app.command("verify")(verify_ledger)
