"""`orilla teacher …`. Torch and its kin are imported when a command runs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.cli import ModelLicenseOption, ModelNameOption, ModelOption, import_extra
from student.terminal import progress_bar

app = typer.Typer(
    no_args_is_help=True, help="Fine-tune a large encoder, label texts with it, and let it absorb what branches taught."
)

RECIPES = Path(__file__).parent / "recipes"

DataOption = Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder that the recipe's files are in.")]
CorpusOption = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A corpus recipe.")]


@app.command()
def label(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the targets; a killed run is continued there.")],
    recipe: CorpusOption = RECIPES / "public.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
    precision: Annotated[str, typer.Option(help="auto, bfloat16 or float32.")] = "auto",
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the corpus to label, for a quicker try.")] = 1.0,
) -> None:
    """Embed a corpus with the teacher once, and write what the student must reach.

    A translation gets the embedding of its English side. Run it again after a kill: it goes on where it was.
    """
    _import_extra("labelling")
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


@app.command()
def relabel(
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Targets of the teacher's space.")],
    out: Annotated[Path, typer.Option(help="Folder of the new targets.")],
    model: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A teacher that has absorbed a release.")],
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
) -> None:
    """Say anew what the teacher's intent head thinks of targets, after it has learned more; nothing is embedded again.

    Then `orilla student export --targets OUT` gives the next bundle's head what the teacher has learned.
    """
    _import_extra("labelling")
    from student.distill.pretrained import open_model
    from teacher.labelling.label import relabel as relabel_targets

    labelled = relabel_targets(open_model(model, name=model_name, license_=model_license), targets, out)
    Console(stderr=True).print(f"{labelled.rows} targets in {out}")


@app.command()
def absorb(
    release: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A federation's release.")],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="release.pub of the federation.")],
    bundle: Annotated[Path, typer.Option(exists=True, file_okay=False, help="The bundle that branches taught.")],
    targets: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Public texts labelled by the teacher.")],
    out: Annotated[Path, typer.Option(help="Folder of the teacher that has learned.")],
    intents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The centre's labelled texts: JSON lines of text and label."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="For a query adapter: JSON lines of query and passage."),
    ] = None,
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="How to absorb.")] = RECIPES
    / "absorption.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
) -> None:
    """Teach the teacher what branches have taught the student; refused where it would lose what it knew.

    The release is verified first: signature, lineage, replay, ledgers and budget. Then the aggregated student says what
    it thinks of public texts, and the teacher's intent head learns it, mixed with the centre's labelled texts. The
    encoder stays, so the embedding space does too. Run again it changes nothing. Example:

      orilla teacher absorb runs/week-7/release --key release.pub --bundle b7 --targets targets --intents own.jsonl
      --out teachers/7
    """
    _import_extra("absorbing")
    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import open_model
    from teacher.absorbing.absorb import absorb as absorb_release
    from teacher.absorbing.part import Sources
    from teacher.training.recipe import read_absorption

    teacher = open_model(model, name=model_name, license_=model_license)
    console = Console(stderr=True)
    with console.status("loading the teacher") as status:
        report = absorb_release(
            teacher,
            Sources(release=release, key=key, bundle=bundle, targets=targets, labelled=intents, pairs=pairs),
            read_absorption(recipe),
            out,
            encode=open_torch_encoder(teacher, precision="auto"),
            on_step=status.update,
        )
    whole = report["gates"][0]
    console.print(f"{report['release']} absorbed into {out}")
    if "new_labels" in report:
        console.print(f"  new labels: {', '.join(report['new_labels']) or 'none'}")
    console.print(
        f"  right on {whole['texts']} texts of the centre: {whole['before']:.4f} before, {whole['after']:.4f} after"
    )
    console.print(f"  {report['condition']}")


@app.command()
def queries(
    data: DataOption,
    out: Annotated[Path, typer.Option(dir_okay=False, help="JSON lines of query, passage, guide, maker.")],
    recipe: CorpusOption = RECIPES / "public.toml",
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
    """Make queries for the passages of the centre's guides, to fine-tune the teacher with.

    Titles, headings and first sentences ask for what follows them. With a language model, its questions are added where
    the teacher finds the passage again by them. Guides that the recipe holds out are left out.
    """
    _import_extra("making queries")
    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import find_minilm
    from teacher.corpora.corpus import read_corpus_recipe
    from teacher.corpora.queries import add_written, make_pairs, write_pairs
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


@app.command()
def questions(
    data: DataOption,
    out: Annotated[Path, typer.Option(dir_okay=False, help="JSON lines of examples for `orilla student reader`.")],
    seed: Annotated[int, typer.Option(help="Of what is drawn from the guides.")] = 1,
) -> None:
    """Make examples of passages that answer a question, and of passages that seem to but do not.

    From the questions written by hand for this project (`teacher/data`), and from the public guides themselves.
    """
    from random import Random

    from student.distill.verifier.examples import write_examples
    from student.runtime.student import load_student
    from teacher.corpora.answerability import make_examples
    from teacher.corpora.guide_passages import QUESTIONS, examples_lineage, read_guide_passages, read_written

    console = Console(stderr=True)
    with console.status("reading guides") as status:
        student, generator = load_student(), Random(seed)  # noqa: S311  (draws examples)
        try:
            written = list(read_written(QUESTIONS, data))
            passages = read_guide_passages(data, student.encoder, generator)
            status.update(f"embedding {len(passages)} passages")
            examples = make_examples(passages, written, data, student.encoder.encode, generator)
            count = write_examples(out, examples, examples_lineage(data))
        finally:
            student.close()
    console.print(f"{count} examples in {out}, from {len(written)} written questions and {len(passages)} passages")


@app.command()
def train(
    pairs: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="JSON lines of query and passage (and guide).")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; a killed run is continued there.")],
    intents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON lines of text and label (and language, segment)."),
    ] = None,
    hold_out: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the intents' texts to leave out, as `label` does.")
    ] = 0.0,
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="How to fine-tune.")] = RECIPES
    / "fine-tuning.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
) -> None:
    """Fine-tune a teacher on the centre's pairs and labelled messages; on several GPUs under torchrun.

    It stops early when the validation part gains no more. The result is OUT/model, a sentence-transformers folder with
    an intent head; OUT/report.json has its figures on the test part by language, segment and class. Run it again
    after a kill: it goes on from the last checkpoint. Example:

      orilla teacher queries --data data --out queries.jsonl

      orilla teacher train --pairs queries.jsonl --intents tickets.jsonl --out run
    """
    _import_extra("fine-tuning")
    from student.artifacts.digests import digest_file
    from student.artifacts.json_lines import is_held_out
    from student.bundle.manifest import Origin
    from student.distill.heads.intent_head import read_labelled
    from student.distill.pretrained import open_model
    from teacher.corpora.queries import read_pairs
    from teacher.training.fine_tuning import train as train_teacher
    from teacher.training.recipe import read_fine_tuning
    from teacher.training.training_data import TeachingData

    messages = read_labelled(intents) if intents else None
    if messages and hold_out:
        messages = messages.rows([i for i, text in enumerate(messages.texts) if not is_held_out(text, hold_out)])
    lineage = [
        Origin(role=role, name=path.name, sha256=digest_file(path), license="LicenseRef-own")
        for role, path in (("pairs", pairs), ("intents", intents))
        if path
    ]
    fine_tuning = read_fine_tuning(recipe)
    console = Console(stderr=True)
    with progress_bar("fine-tuning") as show:
        report = train_teacher(
            open_model(model, name=model_name, license_=model_license),
            TeachingData(read_pairs(pairs), messages, lineage),
            fine_tuning,
            out,
            on_progress=lambda p: show(p.step, fine_tuning.steps, f"loss {p.loss:.3f}, best validation {p.best:.4f}"),
        )
    console.print(f"teacher in {out / 'model'}, best at step {report['best_step']}; on the test part:")
    for name, key in (("retrieval", "nDCG@10"), ("intents", "accuracy"), ("intents", "macro-F1")):
        if name in report["after"]:
            before = report["before"].get(name, {}).get(key)
            console.print(f"  {name} {key}: {report['after'][name][key]}" + (f" (was {before})" if before else ""))


def lineage(
    thing: Annotated[
        Path, typer.Argument(exists=True, help="A bundle's or release's folder, or a file with an answer.")
    ],
    within: Annotated[
        list[Path] | None,
        typer.Option("--in", exists=True, file_okay=False, help="Where to look for what it came from."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="release.pub, to check releases' signatures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Walk from an answer, a bundle or a release back to data, teacher, rounds and ledgers, verifying what is found."""
    from rich.tree import Tree

    from teacher.lineage import Node, trace

    root = trace(thing, within or [], key=key)
    if as_json:
        typer.echo(json.dumps(asdict(root), default=str))
        return

    def shown(node: Node) -> str:
        mark = "verified" if node.path else "named   "
        return f"{mark}  {node.role}: {node.name}  {node.sha256[:12]}"

    def grow(tree: Tree, node: Node) -> Tree:
        for below in node.made_from:
            grow(tree.add(shown(below), highlight=False), below)
        return tree

    Console(highlight=False, markup=False).print(grow(Tree(shown(root)), root))


def _import_extra(what: str) -> None:
    import_extra(what, "teacher", ("torch", "sentence_transformers", "accelerate", "pyarrow", "sklearn"))
