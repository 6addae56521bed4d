"""`orilla student export`, `export-onnx`, `distill` and `verifier`. Torch is imported when a command runs."""

from datetime import UTC, datetime
from pathlib import Path
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
    intents: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="JSON lines with text and label, for the intent head."),
    ],
    intents_name: Annotated[str, typer.Option(help="What the intent texts are called in the model card.")],
    intents_license: Annotated[str, typer.Option(help="Their licence, an SPDX identifier.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    model: ModelOption = None,
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
    """Export a pretrained encoder as an int8 bundle with an intent head.

    The default model is the official all-MiniLM-L6-v2, its SHA-256 verified. The bundle is written only if torch,
    ONNX and int8 agree within bounds. Example:

      orilla student export --intents train.jsonl --intents-name "our tickets" --intents-license LicenseRef-own --out b1
    """
    console = Console(stderr=True)
    with console.status("loading torch") as status:
        import_extra()
        from student.distill.export.bundle_export import export_bundle
        from student.distill.export.recipe import ExportRecipe
        from student.distill.pretrained import open_model

        recipe = ExportRecipe(
            name=name,
            serial=serial,
            intents=intents,
            intents_name=intents_name,
            intents_license=intents_license,
            out_of_scope=out_of_scope,
            passages=tuple(passages or ()),
            targets=targets,
            query_adapter=query_adapter,
        )
        pretrained = open_model(model, name=model_name, license_=model_license)
        bundle = export_bundle(pretrained, recipe, out, now=datetime.now(UTC), replace=force, on_step=status.update)
    _print_bundle(console, bundle)


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
            help="Weights to start from: a BERT whose layers the recipe names, or an earlier student.",
            show_default="all-MiniLM-L6-v2",
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
    --model OUT/model`. Run it again after a kill: it goes on from the last checkpoint. To go on from a finished student
    on texts of your own, minutes on a CPU:

      orilla student distill --recipe own.toml --start student --targets own-targets --out run
    """
    console = Console(stderr=True)
    with console.status("loading torch"):
        import_extra()
        from student.distill.encoder.distillation import distill_student
        from student.distill.encoder.recipe import read_student_recipe
        from student.distill.pretrained import open_model
        from student.distill.targets import read_targets

        student_recipe = read_student_recipe(recipe)
        weights = open_model(start, name=start_name or (start.name if start else ""), license_=start_license)
        head = open_model(teacher, name=teacher.name, license_="").intent_head if teacher else None
        labelled = read_targets(targets)
        batch_size = student_recipe.training.batch_size
    with progress_bar("distilling") as show:
        path = distill_student(
            labelled,
            student_recipe,
            out,
            start=weights,
            tokenizer=tokenizer.read_text(encoding="utf-8") if tokenizer else None,
            intent_head=head,
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
