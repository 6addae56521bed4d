"""`orilla teacher queries`, `questions` and `rankings`: texts to train on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.bundle import DEFAULT_BUNDLE
from student.terminal import progress_bar
from teacher.cli.options import TEACHER_RECIPES, CorpusOption, DataOption, import_teacher_extra


def queries_command(
    data: DataOption,
    out: Annotated[Path, typer.Option(dir_okay=False, help="JSON lines of query, passage, guide, maker.")],
    recipe: CorpusOption = TEACHER_RECIPES / "public.toml",
    llm: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A causal language model's folder.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1.")
    ] = None,
    endpoint_model: Annotated[str, typer.Option(help="The model to ask for there.")] = "default",
    endpoint_key: Annotated[
        str | None, typer.Option(envvar="ORILLA_LLM_KEY", help="Its key; better in the environment.")
    ] = None,
) -> None:
    """Make queries for the passages of the center's guides, to fine-tune the teacher with.

    Titles, headings and first sentences ask for what follows them. With a language model, its questions are added where
    the teacher finds the passage again by them. Guides that the recipe holds out are left out.
    """
    import_teacher_extra("making queries")
    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import find_minilm
    from teacher.corpora.queries import add_written, make_pairs, write_pairs
    from teacher.corpora.recipe import read_corpus_recipe
    from teacher.corpora.writers import endpoint_writer, local_writer

    console = Console(stderr=True)
    pairs = list(make_pairs(read_corpus_recipe(recipe), data))
    made = len(pairs)
    if llm or endpoint:
        write = local_writer(llm) if llm else endpoint_writer(str(endpoint), endpoint_model, key=endpoint_key)
        encode = open_torch_encoder(find_minilm(), precision="auto")
        with progress_bar("writing queries") as show:
            pairs += add_written(
                pairs,
                write,
                encode,
                maker=llm.name if llm else endpoint_model,
                on_passage=lambda done, total: show(done, total, "writing queries"),
            )
    write_pairs(out, pairs)
    written = f", {len(pairs) - made} of them by the language model" if llm or endpoint else ""
    console.print(f"{len(pairs)} pairs in {out}{written}")


def questions_command(
    data: DataOption,
    out: Annotated[Path, typer.Option(dir_okay=False, help="JSON lines of examples for `orilla student verifier`.")],
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Which guides, messages and written questions.")
    ] = TEACHER_RECIPES / "questions.toml",
    seed: Annotated[int, typer.Option(help="Of what is drawn from the guides.")] = 1,
) -> None:
    """Make examples of passages that answer a question, and of passages that seem to but do not.

    From the guides themselves, files or folders of documents, and from questions written by hand; the default recipe
    names the public guides and the questions of this project (`teacher/data`).
    """
    from random import Random

    from student.distill.verifier.examples import write_verifier_examples
    from student.runtime.student import load_student
    from teacher.corpora.answerability import make_examples
    from teacher.corpora.guide_passages import examples_lineage, read_guide_passages, read_written
    from teacher.corpora.questions_recipe import read_questions_recipe

    console = Console(stderr=True)
    with console.status("reading guides") as status:
        student, generator = load_student(), Random(seed)  # noqa: S311  (draws examples)
        try:
            chosen = read_questions_recipe(recipe)
            own, apart = chosen.written, chosen.areas_held_out
            written = list(read_written(own, data, areas_held_out=apart)) if own else []
            passages = read_guide_passages(chosen, data, student.encoder, generator)
            status.update(f"embedding {len(passages)} passages")
            examples = make_examples(passages, written, student.encoder.encode, generator, recipe=chosen, data=data)
            count = write_verifier_examples(out, examples, examples_lineage(chosen, data))
        finally:
            student.close()
    console.print(f"{count} examples in {out}, from {len(written)} written questions and {len(passages)} passages")


def rankings_command(
    data: DataOption,
    out: Annotated[
        Path, typer.Option(dir_okay=False, help="JSON lines of examples for `orilla student cross-encoder`.")
    ],
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Which questions and answers, and written questions.")
    ] = TEACHER_RECIPES / "rankings.toml",
    bundle: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The bundle whose encoder finds what is near.")
    ] = DEFAULT_BUNDLE,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 1,
) -> None:
    """Make examples of questions with texts that answer them, and near ones that do not.

    From files of questions and answers, and from questions written by hand; the default recipe names public help pages
    and textbooks and the questions of this project (`teacher/data`). Some minutes on two cores.
    """
    from random import Random

    from student.distill.cross_encoder.examples import write_ranking_examples
    from student.runtime.student import load_student
    from teacher.corpora.rankings import make_rankings, rankings_lineage, read_asked, shown
    from teacher.corpora.rankings_recipe import read_rankings_recipe

    chosen = read_rankings_recipe(recipe)
    asked = read_asked(chosen, data)
    student = load_student(bundle)
    try:
        with progress_bar("embedding") as show:
            encode = shown(student.encoder.encode, lambda done, total: show(done, total, "embedding texts"))
            examples = make_rankings(asked, chosen, encode, Random(seed))  # noqa: S311  (draws examples)
            count = write_ranking_examples(out, examples, rankings_lineage(chosen, data))
    finally:
        student.close()
    Console(stderr=True).print(f"{count} examples in {out}, from {len(asked)} questions")
