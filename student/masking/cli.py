"""`orilla student mask`: copies of files without the personal data in them."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("mask")
def mask_command(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Texts, CSV or TSV with a header, JSON lines.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder of the copies, made if missing; without it, count only."),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Mask this column; may be given again.", show_default="all columns")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Mask personal data in files: e-mail becomes [EMAIL_1], the same address the same number in its document.

    A document is a row of CSV or JSON lines, or the whole of any other text. The name of a column says what stands in
    it, so that a number below "DNI" is one. The files stay as they are; copies have their names, and only you may read
    them. What is masked cannot be read back. Names and addresses of persons are not found: look before you publish.

    Examples:
      orilla student mask tickets.jsonl --column text               how much of which kind is in it
      orilla student mask tickets.jsonl mails/*.txt --out masked    the copies
      orilla student mask customers.csv --column notes --out masked
    """
    from student.artifacts.json_lines import DataRefused
    from student.masking.files import mask_file
    from student.masking.spans import Kind

    if out is not None:
        if len({path.name for path in files}) < len(files):
            raise DataRefused("two files have one name and would be one copy; mask them into two folders")
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
    reported, kinds, documents = {}, Counter[Kind](), 0
    for path in files:
        counts = mask_file(path, out / path.name if out else None, column or [])
        reported[str(path)] = {"documents": counts.documents, "kinds": dict(counts.kinds.most_common())}
        documents, kinds = documents + counts.documents, kinds + counts.kinds
        if not as_json:
            typer.echo(f"{path}: {counts.documents} documents, {counts.kinds.total()} masked")
    if as_json:
        typer.echo(json.dumps({"files": reported, "out": str(out) if out else None}, ensure_ascii=False))
        return
    for kind, count in kinds.most_common():
        typer.echo(f"  {kind.upper():<16}{count:>8}")
    if out is None:
        typer.echo("Nothing was written; give --out FOLDER for the masked copies.")
