"""Commands of `orilla student` that train and export. Torch is imported when one runs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from student.bundle import DEFAULT_BUNDLE
from student.distill.bundle_output import end_with_bundle, print_bundle
from student.distill.command_options import (
    STUDENT_RECIPES,
    CheckpointOption,
    JsonOption,
    ModelLicenseOption,
    ModelNameOption,
    ModelOption,
    TrackOption,
)
from student.distill.training.supervision import CHECKPOINT_MINUTES, supervise
from student.extras import import_extra
from student.terminal import progress_bar
from student.tracking.choosing import TRACKING, tracked
from student.tracking.tracked_run import digests_of

app = typer.Typer()


@app.command("export")
def export_command(
    model: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="The student, RUN/model, or any sentence-transformers folder."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    intents: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON lines with text and label, for the intent head; those labelled out_of_scope measure it alone.",
        ),
    ] = None,
    intents_name: Annotated[
        str, typer.Option(help="What the intent texts are called in the model card.")
    ] = "own texts",
    intents_license: Annotated[str, typer.Option(help="Their licence, an SPDX expression.")] = "LicenseRef-unknown",
    parts_of: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Instead of --intents: the bundle the student began as; with --targets."
        ),
    ] = None,
    model_name: ModelNameOption = None,
    model_license: ModelLicenseOption = None,
    out_of_scope: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON lines with texts of no intent, to measure."),
    ] = None,
    passages: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="Markdown whose paragraphs the comparison uses too."),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Targets of a teacher whose intents the head learns too."),
    ] = None,
    query_adapter: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="With --targets: the teacher's query_adapter.safetensors."),
    ] = None,
    messages: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Real messages with the same labels, apart from --intents: the head is measured on them.",
        ),
    ] = None,
    own_license: Annotated[
        str, typer.Option("--license", help="Of the bundle's own parts (heads, probes), an SPDX expression.")
    ] = "Apache-2.0",
    name: Annotated[str, typer.Option(help="The bundle's name.")] = "orilla-minilm",
    serial: Annotated[int, typer.Option(min=1, help="Its serial; a later bundle of the name has a higher one.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a student as an int8 bundle, with an intent head trained on --intents or carried over from a bundle.

    The bundle is written only if torch, ONNX and int8 agree within bounds; its MODEL_CARD.md says what was measured and
    what was not. The files of --track are in OUT.tracking, beside the bundle. Examples:

      orilla student export --model run/model --intents train.jsonl --intents-name "our tickets"
      --intents-license LicenseRef-own --out bundles/1

      orilla student export --model run/model --parts-of bundles/1 --targets targets --name own --out bundles/own
    """
    console = Console(stderr=True)
    _require_one_head(intents, parts_of, targets)
    with console.status("loading torch"):
        import_extra()
        from student.distill.continuing.bundle import NewBundle, export_trained_on
        from student.distill.export.bundle_export import export_bundle
        from student.distill.export.recipe import ExportRecipe
        from student.distill.pretrained import open_model
        from student.distill.targets import read_targets

        recipe = ExportRecipe(
            name=name,
            serial=serial,
            intents=intents or Path(),
            intents_name=intents_name,
            intents_license=intents_license,
            out_of_scope=out_of_scope,
            passages=tuple(passages or ()),
            targets=targets,
            query_adapter=query_adapter,
            messages=messages,
            license=own_license,
        )
        pretrained, now = open_model(model, name=model_name, license_=model_license), datetime.now(UTC)
    tracking = tracked(
        track,
        folder=out.with_name(f"{out.name}.{TRACKING}"),
        command="student export",
        name=name,
        parameters={"model": pretrained.name, "weights": pretrained.weights_sha256, "serial": serial},
        is_continued=False,
    )
    with tracking as run, progress_bar("exporting", is_plain=as_json) as show:
        if parts_of and targets:
            new = NewBundle(name, serial, now)
            read = read_targets(targets)
            bundle = export_trained_on(pretrained, parts_of, read, out, new, replace=force, on_progress=show)
        else:
            bundle = export_bundle(pretrained, recipe, out, now=now, replace=force, on_progress=show)
        end_with_bundle(run, 0, bundle)
    print_bundle(console, bundle, as_json=as_json)


def _require_one_head(intents: Path | None, parts_of: Path | None, targets: Path | None) -> None:
    if (intents is None) == (parts_of is None):
        raise typer.BadParameter(
            "give either --intents, labelled texts, or --parts-of, the bundle it was trained on from"
        )
    if parts_of and not targets:
        raise typer.BadParameter("--parts-of needs --targets: parts are carried over by the texts of the training")


@app.command("export-onnx")
def export_onnx_command(
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
    model: ModelOption = None,
) -> None:
    """Export an encoder as plain float32 ONNX, for tools that know no bundles.

    OUT is a sentence-transformers folder with onnx/model.onnx beside the weights: load it with
    SentenceTransformer(OUT, backend="onnx"), with optimum, or with any ONNX runtime.
    """
    console = Console(stderr=True)
    with console.status("exporting to ONNX"):
        import_extra()
        from student.distill.export.plain_onnx import export_onnx
        from student.distill.pretrained import open_model

        export_onnx(open_model(model, name="model", license_="LicenseRef-unknown"), out)
    console.print(f"model in {out}, graph in {out / 'onnx' / 'model.onnx'}")


@app.command("export-float")
def export_float_command(
    out: Annotated[Path, typer.Option(help="Folder of the new model; must not exist.")],
    model: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A float student, RUN/model.")
    ] = None,
    bundle: Annotated[
        Path,
        typer.Option(
            exists=True, file_okay=False, help="Without --model: whose weights.", show_default="the installed one"
        ),
    ] = DEFAULT_BUNDLE,
) -> None:
    """Write a float student that anyone can train on from: a sentence-transformers folder of half precision.

    Without --model it is made of a bundle's int8 weights. sentence-transformers loads the folder and so does `--start`
    of `orilla student distill` and `orilla teacher adapt`; they compute in float32. Example:

      orilla student export-float --model run/model --out student-float
    """
    console = Console(stderr=True)
    with console.status("loading torch"):
        import_extra("reading a student's weights")
        from student.distill.continuing.weights import open_start, unpack_weights
        from student.distill.export.half_precision import write_half

        with TemporaryDirectory() as temporary:
            start = Path(temporary) / "start"
            write_half(open_start(model, start, name="", license_="") if model else unpack_weights(bundle, start), out)
    size_mb = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    console.print(f"float student in {out}, {size_mb:.1f} MB")


@app.command("distill")
def distill_command(
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Targets by `orilla teacher label`.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a killed run is continued there.")],
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The student's recipe.")] = STUDENT_RECIPES
    / "default.toml",
    start: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Weights to start from: a BERT whose layers the recipe names, an earlier student, or a bundle.",
            show_default="all-MiniLM-L6-v2; for a recipe without layers the installed bundle",
        ),
    ] = None,
    start_name: ModelNameOption = None,
    start_license: ModelLicenseOption = None,
    teacher: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="The teacher's folder, where the recipe weighs its intents."),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A student's tokenizer.json, to repeat its run exactly."),
    ] = None,
    checkpoint_minutes: CheckpointOption = CHECKPOINT_MINUTES,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Distill a student from a teacher's targets: hours on a CPU, minutes on a GPU, on several under torchrun.

    The result is an ordinary sentence-transformers folder, OUT/model; make a bundle of it with `orilla student export
    --model OUT/model`. Run it again after a kill: it goes on from the last checkpoint; Ctrl-C writes one first. A
    recipe without layers goes on from a finished student, minutes on a CPU (`orilla teacher adapt` does all of it for a
    folder of documents):

      orilla student distill --recipe own.toml --start student-float --targets own-targets --out run
    """
    console = Console(stderr=True)
    with console.status("loading torch"):
        import_extra()
        from student.distill.continuing.weights import open_start
        from student.distill.encoder.distillation import distill_student
        from student.distill.encoder.recipe import read_student_recipe
        from student.distill.pretrained import read_intent_head
        from student.distill.targets import read_targets
        from student.distill.training.processes import join_processes

        processes = join_processes()
        student_recipe = read_student_recipe(recipe)
        whose = start if start or student_recipe.architecture.layers else DEFAULT_BUNDLE
        with processes.main_first():  # a bundle's weights are unpacked once
            weights = open_start(whose, out / "start", name=start_name, license_=start_license)
        labelled = read_targets(targets)
        head = read_intent_head(teacher, labelled.manifest.dimension) if teacher else None
    tracking = tracked(
        track if processes.is_main else None,
        folder=out / TRACKING,
        command="student distill",
        name=student_recipe.name,
        parameters=student_recipe.model_dump() | {"targets": labelled.digest, "start": weights.weights_sha256},
    )
    texts_a_step, is_silent = student_recipe.training.batch_size, not processes.is_main
    bar = progress_bar("distilling", unit="texts", units=texts_a_step, is_plain=as_json, is_silent=is_silent)
    with tracking as run, bar as show:
        path = distill_student(
            labelled,
            student_recipe,
            out,
            start=weights,
            tokenizer=tokenizer.read_text(encoding="utf-8") if tokenizer else None,
            intent_head=head[0] if head else None,
            supervision=supervise(
                show, run, lambda p: f"distilling, loss {p.loss:.4f}", checkpoint_minutes=checkpoint_minutes
            ),
            processes=processes,
        )
        if processes.is_main:
            run.end("finished", digests_of(path))
    if processes.is_main and as_json:
        typer.echo(json.dumps({"student": str(path), "log": str(out / "log.jsonl")}))
    elif processes.is_main:
        console.print(f"student in {path}, log in {out / 'log.jsonl'}")
