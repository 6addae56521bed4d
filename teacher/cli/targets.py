"""`orilla teacher label` and `relabel`: the targets of distillation."""

import json
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.command_options import JsonOption, ModelLicenseOption, ModelNameOption, TrackOption
from student.errors import Interrupted
from student.terminal import progress_bar
from student.tracking.choosing import TRACKING, tracked
from student.tracking.tracked_run import digests_of
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
    model_name: ModelNameOption = None,
    model_license: ModelLicenseOption = None,
    precision: Annotated[str, typer.Option(help="Of --model: auto, bfloat16 or float32.")] = "auto",
    language: Annotated[
        list[str] | None,
        typer.Option(help="A language that --model reads; in others a text's translation speaks. All by default."),
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the corpus to label, for a quicker try.")] = 1.0,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed a corpus with a teacher once, and write the targets of distillation.

    The teacher is one sentence-transformers folder (--model) or what a recipe names (--teacher): folders, ONNX graphs,
    OpenAI-compatible servers, each with its prompts, weight and languages. Every encoder is tried before anything is
    labelled. Run it again after a kill, or with a larger --share: it goes on where it was. With --model a mixture goes
    on in the space of its earlier targets, by the same reduction. Under torchrun several processes, one for each GPU,
    take the texts in turn. Examples:

      orilla teacher label --data data --teacher teacher.toml --out targets

      orilla teacher label --data more --recipe more.toml --model targets --out more-targets
    """
    import_teacher_extra("labelling")
    from student.distill.targets import TARGETS_MANIFEST
    from student.distill.training.processes import join_processes
    from teacher.corpora.recipe import read_corpus_recipe
    from teacher.labelling.blocks import LabellingProgress
    from teacher.labelling.label import label as label_corpus
    from teacher.labelling.speed import LabellingSpeed
    from teacher.mixture.folder import open_any_teacher
    from teacher.mixture.recipe import read_teacher_recipe
    from teacher.mixture.teacher import open_teacher

    if teacher and model:
        raise typer.BadParameter("the teacher is named twice; give --teacher or --model", param_hint="--teacher")
    processes = join_processes()
    console = Console(stderr=True, quiet=not processes.is_main)
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
    tracking = tracked(
        track if processes.is_main else None,
        folder=out / TRACKING,
        command="teacher label",
        name=corpus.name,
        parameters={"corpus": corpus.model_dump(), "teacher": opened.recipe.model_dump(), "share": share},
    )
    bar = progress_bar("labelling", unit="texts", is_plain=as_json, is_silent=not processes.is_main)
    with tracking as run, bar as show:
        speed = LabellingSpeed(run.resume, run.log)

        def on_rows(progress: LabellingProgress) -> None:
            show(progress.done, progress.total, "labelling", kept=progress.kept)
            speed.note(progress)

        try:
            labelled = label_corpus(opened, corpus, data, out, share=share, on_rows=on_rows, processes=processes)
        except KeyboardInterrupt:
            said = "stopped; what the teacher said so far is kept, the same command again goes on from there"
            raise Interrupted(said if processes.is_main else "", signal.SIGINT) from None
        if processes.is_main:
            run.end("finished", digests_of(out, (TARGETS_MANIFEST, "*.parquet")))
    if as_json and processes.is_main:
        typer.echo(json.dumps({"targets": str(out), "rows": labelled.rows, "encoded_now": labelled.texts_encoded}))
    else:
        console.print(f"{labelled.rows} targets in {out}, {labelled.texts_encoded} texts encoded now")


def relabel_command(
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Targets of the teacher's space.")],
    out: Annotated[Path, typer.Option(help="Folder of the new targets.")],
    model: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A teacher that has absorbed a release.")],
    model_name: ModelNameOption = None,
    model_license: ModelLicenseOption = None,
) -> None:
    """Compute the intents of existing targets again, after the teacher has learned more; nothing is embedded again.

    Then `orilla student export --targets OUT` passes on what the teacher has learned to the next bundle's head.
    """
    import_teacher_extra("labelling")
    from teacher.labelling.label import relabel as relabel_targets
    from teacher.mixture.learner import read_learner

    labelled = relabel_targets(read_learner(model, name=model_name, license_=model_license), targets, out)
    Console(stderr=True).print(f"{labelled.rows} targets in {out}")
