"""`orilla teacher absorb`: the teacher learns what branches taught."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.command_options import ModelLicenseOption, ModelNameOption
from teacher.cli.options import TEACHER_RECIPES, TeacherOption, import_teacher_extra


def absorb_command(
    release: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A federation's release.")],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="release.pub of the federation.")],
    bundle: Annotated[Path, typer.Option(exists=True, file_okay=False, help="The bundle that branches taught.")],
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Public texts labelled by the teacher.")],
    out: Annotated[Path, typer.Option(help="Folder of the teacher that has learned.")],
    intents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The center's labelled texts: JSON lines of text and label."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="For a query adapter: JSON lines of query and passage."),
    ] = None,
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="How to absorb.")] = TEACHER_RECIPES
    / "absorption.toml",
    model: TeacherOption = None,
    model_name: ModelNameOption = None,
    model_license: ModelLicenseOption = None,
) -> None:
    """Let the teacher absorb a release of branches; refused where it would lose what it knew.

    The release is verified first: signature, lineage, replay, ledgers and budget. Then the teacher's intent head learns
    the aggregated student's soft labels of public texts, mixed with the center's labelled texts. The
    encoder stays, so the embedding space does too. Run again it changes nothing. Examples, the second for several
    encoders as one, whose first teacher is named by the targets that it labelled:

      orilla teacher absorb runs/week-7/release --key release.pub --bundle b7 --targets targets --intents own.jsonl
      --model teachers/6 --out teachers/7

      orilla teacher absorb runs/week-1/release --key release.pub --bundle b1 --targets targets --intents own.jsonl
      --model targets --out teachers/1
    """
    import_teacher_extra("absorbing")
    from teacher.absorbing.absorb import absorb as absorb_release
    from teacher.absorbing.part import Sources
    from teacher.mixture.folder import open_any_teacher
    from teacher.mixture.learner import read_learner
    from teacher.training.recipe import read_absorption

    learner = read_learner(model, name=model_name, license_=model_license)
    console = Console(stderr=True)
    with console.status("loading the teacher") as status:
        teacher = open_any_teacher(model, name=model_name, license_=model_license)
        report = absorb_release(
            learner,
            Sources(release=release, key=key, bundle=bundle, targets=targets, labelled=intents, pairs=pairs),
            read_absorption(recipe),
            out,
            encode=teacher.encode,
            on_step=status.update,
        )
    whole = report["gates"][0]
    console.print(f"{report['release']} absorbed into {out}")
    if "new_labels" in report:
        console.print(f"  new labels: {', '.join(report['new_labels']) or 'none'}")
    console.print(
        f"  right on {whole['texts']} texts of the center: {whole['before']:.4f} before, {whole['after']:.4f} after"
    )
    console.print(f"  {report['condition']}")
