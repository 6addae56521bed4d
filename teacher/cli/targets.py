"""`orilla teacher label` and `relabel`: the targets of distillation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.cli import ModelLicenseOption, ModelNameOption, ModelOption
from student.terminal import progress_bar
from teacher.cli.options import TEACHER_RECIPES, CorpusOption, DataOption, import_teacher_extra


def label_command(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the targets; a killed run is continued there.")],
    recipe: CorpusOption = TEACHER_RECIPES / "public.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
    precision: Annotated[str, typer.Option(help="auto, bfloat16 or float32.")] = "auto",
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the corpus to label, for a quicker try.")] = 1.0,
) -> None:
    """Embed a corpus with the teacher once, and write the targets of distillation.

    A translation gets the embedding of its English side. Run it again after a kill: it goes on where it was.
    """
    import_teacher_extra("labelling")
    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import open_model
    from teacher.corpora.corpus import read_corpus_recipe
    from teacher.labelling.label import label as label_corpus

    pretrained = open_model(model, name=model_name, license_=model_license)
    corpus = read_corpus_recipe(recipe)
    console = Console(stderr=True)
    with progress_bar("labelling") as show:
        labelled = label_corpus(
            pretrained,
            corpus,
            data,
            out,
            encode=open_torch_encoder(pretrained, precision=precision),
            share=share,
            on_rows=lambda done, total: show(done, total, "labelling"),
        )
    console.print(f"{labelled.rows} targets in {out}, {labelled.rows_written} of them written now")


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
    from student.distill.pretrained import open_model
    from teacher.labelling.label import relabel as relabel_targets

    labelled = relabel_targets(open_model(model, name=model_name, license_=model_license), targets, out)
    Console(stderr=True).print(f"{labelled.rows} targets in {out}")
