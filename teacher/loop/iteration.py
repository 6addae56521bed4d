"""One turn, step by step: every arrow of the loop as one function, each of which can be run again after a kill.

    teacher ──targets──▶ student ──bundle──▶ branches ──feedback──▶ federation ──release──▶ teacher

A step is done when its artefact is in place, and artefacts are renamed into place whole, so a turn that was killed goes
on where it stood. The federation's rounds are the product's own apps with secure aggregation, over a grid in this
process; in a deployment `orilla federation` carries them over Flower.

Guarantees:
    A turn that is killed at any step and started again completes, and never costs more than its recipe says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.folder import sync
from edge_agent.settings import AgentSettings
from federation.branch.client_app import SETTINGS, app
from federation.branch.policy import BranchPolicy
from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
from federation.center.home import CENTER_FILE, Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.publishing import publish
from federation.center.rounds import run_rounds
from federation.center.run_recipe import RunRecipe
from federation.release.applying import apply_release
from federation.release.signing import SIGNING_PUBLIC_KEY
from federation.transport.local_grid import LocalGrid
from student.artifacts.json_lines import read_rows
from student.distill.encoder.distillation import distill
from student.distill.encoder.vocabulary import read_pieces
from student.distill.export.bundle_export import ExportRecipe, export_bundle
from student.distill.pretrained import Pretrained, open_pretrained
from student.distill.targets import MANIFEST, read_targets
from student.embeddings import Embeddings
from teacher.absorbing.absorb import absorb
from teacher.absorbing.part import Sources
from teacher.corpora.corpus import CorpusRecipe, Source
from teacher.labelling.label import label, relabel
from teacher.loop.scenario import TurnRecipe, World, make_world

Encode = Callable[[list[str]], Embeddings]
Say = Callable[[str], None]
_FEDERATION, _ADDRESS = "loop", "127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a turn begins with.

    Attributes:
        teacher: as it is, and `encode` its texts → embeddings (N, D).
        data: folder of the recipe's files.
        knowledge_base: folder of documents that every branch takes in.
    """

    teacher: Pretrained
    encode: Encode
    data: Path
    knowledge_base: Path


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of a turn is, below one folder."""

    home: Path

    def __getattr__(self, name: str) -> Path:
        """`places.first_bundle` is the folder `first-bundle`, and so on for each artefact."""
        return self.home / name.replace("_", "-")

    def branch(self, number: int) -> Path:
        """Of one branch: its store, bundle, policy and ledger."""
        return self.home / "branches" / f"branch-{number}"


def take_turn(recipe: TurnRecipe, ground: Ground, home: Path, *, say: Say = lambda step: None) -> World:
    """Takes one turn; run again it goes on, and once finished it does nothing.

    Args:
        recipe: see `TurnRecipe`.
        ground: see `Ground`.
        home: folder of everything that is made.
        say: told of each step before it is done.

    Raises:
        OrillaError: a step is refused; what is in place stays.
    """
    places = Places(home)
    say("deal out messages")
    world = make_world(recipe, ground.data, ground.knowledge_base, places.world)
    say("teacher labels public texts")
    _label(ground, world, places.targets)
    say("student is distilled")
    student = _distill(recipe, ground.teacher, places)
    say("bundle is made")
    _export(student, world, None, 1, places.first_bundle)
    for number, messages in enumerate(world.branches, start=1):
        say(f"branch {number} serves, and staff give feedback")
        _serve(ground, recipe, messages, places, number)
    say("federation runs, with secure aggregation")
    release = _federate(recipe, world, places)
    key = places.centre / SIGNING_PUBLIC_KEY
    for number in range(1, recipe.branches + 1):
        say(f"branch {number} is updated")
        _update(places, number, release, key)
    say("teacher absorbs the release")
    sources = Sources(release, key, places.first_bundle, places.targets, world.intents)
    absorb(ground.teacher, sources, recipe.absorption, places.absorbed_teacher, encode=ground.encode)
    say("next bundle is made")
    _next_bundle(student, ground.teacher, world, places)
    return world


def _label(ground: Ground, world: World, targets: Path) -> None:
    if (targets / MANIFEST).exists():
        return
    texts = {"mix": "public", "kind": "texts", "file": world.public.name, "license": "LicenseRef-public"}
    own = {"mix": "messages", "kind": "texts", "file": world.intents.name, "license": "LicenseRef-own"}
    corpus = CorpusRecipe(name="turn", source=[Source.model_validate(texts), Source.model_validate(own)])
    label(ground.teacher, corpus, world.folder, targets, encode=ground.encode)


def _distill(recipe: TurnRecipe, teacher: Pretrained, places: Places) -> Pretrained:
    """The student, with the part of the teacher's vocabulary that its texts use: a new one takes hours to learn."""
    if not places.first_bundle.exists():
        targets = read_targets(places.targets)
        pieces = _used_pieces(teacher, targets.texts)
        distill(teacher, targets, recipe.student, places.student, vocabulary=pieces)
    return open_pretrained(places.student / "model", name=recipe.student.name, license_="Apache-2.0")


def _used_pieces(teacher: Pretrained, texts: list[str]) -> list[str]:
    """The teacher's pieces in these texts, and those of one character, with which anything can be spelt."""
    tokenizer = Tokenizer.from_file(str(teacher.path / "tokenizer.json"))
    tokenizer.no_padding()
    used = {number for encoding in tokenizer.encode_batch(texts) for number in encoding.ids}
    return [
        piece
        for number, piece in enumerate(read_pieces(teacher.path / "tokenizer.json"))
        if number in used or len(piece.removeprefix("##")) == 1 or (piece.startswith("[") and "unused" not in piece)
    ]


def _export(student: Pretrained, world: World, targets: Path | None, serial: int, out: Path) -> None:
    if not out.exists():
        recipe = ExportRecipe(
            name="loop",
            serial=serial,
            intents=world.intents,
            intents_name=world.intents.name,
            intents_license="LicenseRef-own",
            out_of_scope=None,
            passages=(),
            targets=targets,
        )
        export_bundle(student, recipe, out, now=datetime.now(UTC))


def _serve(ground: Ground, recipe: TurnRecipe, messages: Path, places: Places, number: int) -> None:
    """A branch takes in its documents, and its staff name the intents of its messages."""
    branch = places.branch(number)
    with Agent(AgentSettings(store=branch / "store", bundle=places.first_bundle)) as agent:
        sync(agent, ground.knowledge_base)
        given = len(agent.feedback.read_since(0, limit=1_000_000))
        for row in list(read_rows(messages))[given:]:
            agent.add_feedback(NewFeedback(row["text"], intent=row["label"], customer=row["customer"]))
    if not (branch / SETTINGS_FILE).exists():
        policy = BranchPolicy(
            branch=branch.name, max_epsilon=recipe.federation.epsilon * (1 + 1e-6), minimum_noise_multiplier=0.1
        )
        settings = BranchSettings(bundle=places.first_bundle.absolute(), store=(branch / "store").absolute())
        set_up_branch(branch, settings, policy, now=datetime.now(UTC))


def _federate(recipe: TurnRecipe, world: World, places: Places) -> Path:
    """A run of the federation and its release: rounds that are finished are not asked for again."""
    if not (places.centre / CENTER_FILE).exists():
        set_up_center(places.centre, Center(federation=_FEDERATION, address=_ADDRESS), now=datetime.now(UTC))
    asked: dict[str, Any] = recipe.federation.model_dump()
    run = RunRecipe(
        run_id="turn-1",
        branches=recipe.branches,
        minimum_survivors=recipe.branches,
        customers=sum(1 for path in world.branches for _ in read_rows(path)),
        new_labels=world.new,
        bundle=places.first_bundle.absolute(),
        public_texts=world.public.absolute(),
        validation=world.validation.absolute(),
        branches_timeout_s=1.0,
        step_timeout_s=0.01,
        **asked,
    )
    folder = places.centre / "runs" / run.run_id
    prepared = prepare_run(run, folder)
    if not (folder / "release").exists():
        configs = [{SETTINGS: str(places.branch(n) / SETTINGS_FILE)} for n in range(1, recipe.branches + 1)]
        run_rounds(LocalGrid(app, configs, {}), prepared, folder)
    return publish(places.centre, folder).release


def _update(places: Places, number: int, release: Path, key: Path) -> None:
    """A branch makes its next bundle from the one it has and the release, and goes on with the store it has."""
    bundle = places.branch(number) / "bundle"
    if not bundle.exists():
        apply_release(release, places.first_bundle, bundle, key=key)


def _next_bundle(student: Pretrained, teacher: Pretrained, world: World, places: Places) -> None:
    """The same encoder, since no embedding of the teacher has moved; its head learns what the teacher has absorbed."""
    if not (places.next_targets / MANIFEST).exists():
        absorbed = open_pretrained(places.absorbed_teacher, name=teacher.name, license_=teacher.license)
        relabel(absorbed, places.targets, places.next_targets)
    _export(student, world, places.next_targets, 3, places.next_bundle)
