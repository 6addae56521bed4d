"""A bundle that was just made, as commands track and show it."""

import json

import typer
from rich.console import Console

from student.bundle.folder import Bundle
from student.tracking.tracked_run import TrackedRun


def end_with_bundle(run: TrackedRun, step: int, bundle: Bundle) -> None:
    """Ends a tracked run with the numbers among a bundle's metrics, at a step, and the digests of its files."""
    manifest = bundle.manifest
    figures = {
        f"{group}/{name}": value
        for group, values in manifest.metrics.items()
        for name, value in values.items()
        if isinstance(value, int | float)
    }
    run.log(step, figures)
    run.end("finished", {name: entry.sha256 for name, entry in manifest.files.items()})


def print_bundle(console: Console, bundle: Bundle, *, as_json: bool) -> None:
    """Prints name, size and metrics of a bundle that was made, as JSON on stdout or for people."""
    if as_json:
        manifest = bundle.manifest
        facts = {"bundle": str(bundle.path), "serial": manifest.serial, "digest": bundle.digest}
        typer.echo(json.dumps(facts | {"metrics": manifest.metrics}))
        return
    size_mb = sum(entry.size_bytes for entry in bundle.manifest.files.values()) / 1e6
    console.print(f"bundle {bundle.path}: serial {bundle.manifest.serial}, {size_mb:.1f} MB, digest {bundle.digest}")
    for group, figures in bundle.manifest.metrics.items():
        console.print(f"  {group}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))
