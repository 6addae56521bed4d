"""`orilla teacher label` and `relabel`: the targets of distillation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.cli import ModelLicenseOption, ModelNameOption
from student.terminal import progress_bar
from teacher.cli.options import TEACHER_RECIPES, CorpusOption, DataOption, TeacherOption, import_teacher_extra


def label_command(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the targets; a killed run is continued there.")],
    recipe: CorpusOption = TEACHER_RECIPES / "public.toml",
    teacher: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A teacher recipe: one or several encoders, of any kind."),
    ] = None,
    model: TeacherOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
    precision: Annotated[str, typer.Option(help="Of --model: auto, bfloat16 or float32.")] = "auto",
    language: Annotated[
        list[str] | None,
        typer.Option(help="A language that --model reads; in others a text's translation speaks. All by default."),
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the corpus to label, for a quicker try.")] = 1.0,
) -> None:
    """Embed a corpus with a teacher once, and write the targets of distillation.

    The teacher is one sentence-transformers folder (--model) or what a recipe names (--teacher): folders, ONNX graphs,
    OpenAI-compatible servers, each with its prompts, weight and languages. Every encoder is tried before anything is
    labelled. Run it again after a kill, or with a larger --share: it goes on where it was. With --model a mixture goes
    on in the space of its earlier targets, by the same reduction. Examples:

      orilla teacher label --data data --teacher teacher.toml --out targets

      orilla teacher label --data more --recipe more.toml --model targets --out more-targets
    """
    import_teacher_extra("labelling")
    from teacher.corpora.recipe import read_corpus_recipe
    from teacher.labelling.label import label as label_corpus
    from teacher.mixture.folder import open_any_teacher
    from teacher.mixture.recipe import read_teacher_recipe
    from teacher.mixture.teacher import open_teacher

    if teacher and model:
        raise typer.BadParameter("the teacher is named twice; give --teacher or --model", param_hint="--teacher")
    console = Console(stderr=True)
    corpus = read_corpus_recipe(recipe)
    with console.status("opening the teacher"):
        if teacher:
            opened = open_teacher(read_teacher_recipe(teacher))
        else:
            opened = open_any_teacher(
                model, name=model_name, license_=model_license, precision=precision, languages=language
            )
    for voice in opened.voices:
        facts = voice.encoder.facts
        console.print(f"{facts.name}: {facts.dimension} numbers, window {facts.max_tokens or 'unknown'} tokens")
        for note in facts.notes:
            console.print(f"  {note}")
    with progress_bar("labelling") as show:
        labelled = label_corpus(
            opened, corpus, data, out, share=share, on_rows=lambda done, total: show(done, total, "labelling")
        )
    console.print(f"{labelled.rows} targets in {out}, {labelled.texts_encoded} texts encoded now")


def relabel_command(
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Targets of the teacher's space.")],
    out: Annotated[Path, typer.Option(help="Folder of the new targets.")],
    model: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A teacher that has absorbed a release.")],
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
) -> None:
    """Compute the intents of existing targets again, after the teacher has learned more; nothing is embedded again.

    Then `orilla student export --targets OUT` passes on what the teacher has learned to the next bundle's head.
    """
    import_teacher_extra("labelling")
    from teacher.labelling.label import relabel as relabel_targets
    from teacher.mixture.learner import read_learner

    labelled = relabel_targets(read_learner(model, name=model_name, license_=model_license), targets, out)
    Console(stderr=True).print(f"{labelled.rows} targets in {out}")
