"""`orilla student show`: the facts of a bundle, after verifying every byte of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from student.bundle import DEFAULT_BUNDLE

app = typer.Typer(no_args_is_help=True, help="Make, verify and compare students and their bundles.")


@app.command("show")
def show_command(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")] = DEFAULT_BUNDLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify a bundle, run its probes on this machine and show its facts."""
    from student.runtime.student import load_student

    student = load_student(bundle)
    manifest, probes = student.bundle.manifest, student.probes
    student.close()
    facts = {
        "name": manifest.name,
        "serial": manifest.serial,
        "digest": student.bundle.digest,
        "created": manifest.created,
        "embedding_space": manifest.embedding_space,
        "languages": manifest.languages,
        "size_bytes": sum(entry.size_bytes for entry in manifest.files.values()),
        "heads": {name: len(head.labels) for name, head in manifest.heads.items()},
        "lineage": [origin.model_dump() for origin in manifest.lineage],
        "probes": {"count": probes.count, "min_similarity": round(probes.min_similarity, 6)},
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        typer.echo(f"{key + ':':<17}{shown}")
