"""`orilla student export`, `export-onnx`, `export-float`, `distill`, `verifier`. Torch is imported when one runs."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import Bundle
from student.extras import import_extra
from student.terminal import progress_bar

app = typer.Typer()

STUDENT_RECIPES = Path(__file__).parent / "recipes"

ModelOption = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="A sentence-transformers folder.", show_default="all-MiniLM-L6-v2"),
]
ModelNameOption = Annotated[str, typer.Option(help="What that folder's model is called.")]
ModelLicenseOption = Annotated[str, typer.Option(help="Its licence, an SPDX identifier.")]


@app.command("export")
def export_command(
    model: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="The student, RUN/model, or any sentence-transformers folder."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    intents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON lines with text and label, for the intent head."),
    ] = None,
    intents_name: Annotated[
        str, typer.Option(help="What the intent texts are called in the model card.")
    ] = "own texts",
    intents_license: Annotated[str, typer.Option(help="Their licence, an SPDX identifier.")] = "LicenseRef-unknown",
    parts_of: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Instead of --intents: the bundle the student began as; with --targets."
        ),
    ] = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
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
    name: Annotated[str, typer.Option(help="The bundle's name.")] = "orilla-minilm",
    serial: Annotated[int, typer.Option(min=1, help="Its serial; a later bundle of the name has a higher one.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
) -> None:
    """Export a student as an int8 bundle, with an intent head trained on --intents or carried over from a bundle.

    The bundle is written only if torch, ONNX and int8 agree within bounds. Examples:

      orilla student export --model run/model --intents train.jsonl --intents-name "our tickets"
      --intents-license LicenseRef-own --out bundles/1

      orilla student export --model run/model --parts-of bundles/1 --targets targets --name own --out bundles/own
    """
    console = Console(stderr=True)
    _require_one_head(intents, parts_of, targets)
    with console.status("loading torch") as status:
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
        )
        pretrained, now = open_model(model, name=model_name, license_=model_license), datetime.now(UTC)
        if parts_of and targets:
            new = NewBundle(name, serial, now)
            read = read_targets(targets)
            bundle = export_trained_on(pretrained, parts_of, read, out, new, replace=force, on_step=status.update)
        else:
            bundle = export_bundle(pretrained, recipe, out, now=now, replace=force, on_step=status.update)
    _print_bundle(console, bundle)


def _require_one_head(intents: Path | None, parts_of: Path | None, targets: Path | None) -> None:
    if (intents is None) == (parts_of is None):
        raise typer.BadParameter(
            "give either --intents, labelled texts, or --parts-of, the bundle it was trained on from"
        )
    if parts_of and not targets:
        raise typer.BadParameter("--parts-of needs --targets: parts are carried over by the texts of the training")


def _print_bundle(console: Console, bundle: Bundle) -> None:
    size_mb = sum(entry.size_bytes for entry in bundle.manifest.files.values()) / 1e6
    console.print(f"bundle {bundle.path}: serial {bundle.manifest.serial}, {size_mb:.1f} MB, digest {bundle.digest}")
    for group, figures in bundle.manifest.metrics.items():
        console.print(f"  {group}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))


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
        from student.distill.continuing.weights import open_start
        from student.distill.export.half_precision import write_half

        with TemporaryDirectory() as unpacked:
            write_half(open_start(model or bundle, Path(unpacked) / "start", name="", license_=""), out)
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
    start_name: Annotated[str | None, typer.Option(help="What these weights are called.")] = None,
    start_license: Annotated[str, typer.Option(help="Their licence, an SPDX identifier.")] = "Apache-2.0",
    teacher: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="The teacher's folder, where the recipe weighs its intents."),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A student's tokenizer.json, to repeat its run exactly."),
    ] = None,
) -> None:
    """Distill a student from a teacher's targets: hours on a CPU, minutes on a GPU.

    The result is an ordinary sentence-transformers folder, OUT/model; make a bundle of it with `orilla student export
    --model OUT/model`. Run it again after a kill: it goes on from the last checkpoint. A recipe without layers goes on
    from a finished student, minutes on a CPU (`orilla teacher adapt` does all of it for a folder of documents):

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

        student_recipe = read_student_recipe(recipe)
        whose = start if start or student_recipe.architecture.layers else DEFAULT_BUNDLE
        named = start_name or (start.name if start else "")
        weights = open_start(whose, out / "start", name=named, license_=start_license)
        labelled = read_targets(targets)
        head = read_intent_head(teacher, labelled.manifest.dimension) if teacher else None
        batch_size = student_recipe.training.batch_size
    with progress_bar("distilling") as show:
        path = distill_student(
            labelled,
            student_recipe,
            out,
            start=weights,
            tokenizer=tokenizer.read_text(encoding="utf-8") if tokenizer else None,
            intent_head=head[0] if head else None,
            on_progress=lambda p: show(p.step, p.steps, f"loss {p.loss:.4f}, {p.steps_per_s * batch_size:.0f} texts/s"),
        )
    console.print(f"student in {path}, log in {out / 'log.jsonl'}")


@app.command("verifier")
def verifier_command(
    examples: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Examples by `orilla teacher questions`, or your own.")
    ],
    run: Annotated[Path, typer.Option(help="Folder of the run; a killed run is continued there.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    serial: Annotated[int, typer.Option(min=1, help="The new bundle's; higher than that of the one it replaces.")],
    bundle: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The bundle to add a verifier to.")
    ] = DEFAULT_BUNDLE,
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The verifier's recipe.")] = STUDENT_RECIPES
    / "verifier.toml",
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
) -> None:
    """Train an answerability verifier for a bundle: it says whether a passage answers a question.

    About a quarter of an hour on a CPU. Run it again after a kill: it goes on from the last checkpoint.
    """
    console = Console(stderr=True)
    with console.status("loading torch"):
        import_extra("training a verifier")
        from student.distill.verifier.bundling import VERIFIER_METRICS
        from student.distill.verifier.making import make_verifier
        from student.distill.verifier.recipe import read_verifier_recipe

        verifier_recipe = read_verifier_recipe(recipe)
    with progress_bar("encoding") as show:
        made = make_verifier(
            bundle,
            examples,
            verifier_recipe,
            run,
            out,
            serial=serial,
            now=datetime.now(UTC),
            replace=force,
            on_encode=lambda count: show(0, None, f"encoding {count} texts"),
            on_progress=lambda p: show(p.step, p.steps, f"loss {p.loss:.4f}"),
        )
    console.print(f"bundle {out}: serial {serial}, digest {made.digest}")
    for name, figure in made.manifest.metrics[VERIFIER_METRICS].items():
        console.print(f"  {name}: {figure}")
