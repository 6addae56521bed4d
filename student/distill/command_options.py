"""Options that several commands which make teachers and students share."""

from pathlib import Path
from typing import Annotated

import typer

STUDENT_RECIPES = Path(__file__).parent / "recipes"

ModelOption = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="A sentence-transformers folder.", show_default="all-MiniLM-L6-v2"),
]
ModelNameOption = Annotated[
    str | None, typer.Option(help="What that folder's model is called.", show_default="what it says, or its name")
]
ModelLicenseOption = Annotated[
    str | None, typer.Option(help="Its licence, an SPDX expression.", show_default="what it says, or unknown")
]
TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STORE",
        help="Also keep recipe, figures by step and digests of what is made, in csv or tensorboard (files in the run's "
        "folder `tracking`), mlflow (./mlruns) or mlflow:URI. Several times for several.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print what was made as JSON, and progress in lines on stderr.")
]
CheckpointOption = Annotated[
    float, typer.Option(min=0, help="Minutes between checkpoints at most: no crash costs more. Others come by steps.")
]
