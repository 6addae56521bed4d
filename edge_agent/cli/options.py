"""Options that several commands of `orilla edge` share."""

from pathlib import Path
from typing import Annotated

import platformdirs
import typer

StoreOption = Annotated[
    Path,
    typer.Option(
        "--store",
        envvar="ORILLA_STORE",
        help="Folder of the store; serve, ingest, watch and import make it if missing.",
    ),
]
BundleOption = Annotated[Path, typer.Option("--bundle", envvar="ORILLA_BUNDLE", help="Folder of the student's bundle.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TagsOption = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Sorts these documents; may be given again. Tags of earlier runs stay."),
]
MaskDocumentsOption = Annotated[
    bool,
    typer.Option(
        "--mask-documents",
        envvar="ORILLA_MASK_DOCUMENTS",
        help="Store documents without the personal data that are found in them; for mails and tickets.",
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Name every file, not the first 20 of each sort.")]
DEFAULT_STORE = Path(platformdirs.user_data_dir("orilla")) / "store"
