"""A mixture learns from releases: it absorbs, labels again and goes on labelling in the space that it had."""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from federation.release.files import read_release
from federation.release.signing import SIGNING_PUBLIC_KEY
from orilla import app
from student.artifacts.digests import digest_bytes
from student.bundle.linear_head import pack_head
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.pretrained import INTENT_HEAD_FILES, QUERY_ADAPTER_FILE, TEACHER_TRAINING, WeightsRefused
from student.distill.targets import TARGETS_MANIFEST, read_targets, read_targets_manifest
from student.embeddings import Embeddings
from teacher.absorbing.absorb import REPORT, absorb
from teacher.absorbing.part import Sources
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.errors import AbsorptionRefused, EncoderRefused, LabelsDiffer, TeacherRefused
from teacher.labelling.label import label, relabel
from teacher.mixture.facts import TEACHER_FILE
from teacher.mixture.folder import open_teacher_folder
from teacher.mixture.learner import Learner, read_learner
from teacher.mixture.recipe import read_teacher_recipe
from teacher.mixture.reduction import REDUCTION_FILE
from teacher.mixture.teacher import Teacher, open_teacher
from teacher.roles import Role
from tests.federation.lab import (
    ADAPTER_FILE,
    DIMENSION,
    HEAD_FILE,
    LABELS,
    Lab,
    build_lab,
    sentence,
    ticket,
    write_lines,
)
from tests.teacher.absorption import KNOWN, NEW, RECIPE, files_of, make_release, origins_by_role, sign_again
from tests.teacher.mixture.tiny_mixture import write_mixture

CORPUS = CorpusRecipe(
    name="public", source=[Source(mix="public", kind="texts", file="public.jsonl", role=Role.QUERY, license="MIT")]
)


@dataclass(frozen=True, slots=True)
class MixtureCenter:
    """A center whose teacher is a mixture, before anything is absorbed."""

    folder: Path
    lab: Lab
    teacher: Teacher
    sources: Sources

    @property
    def fresh(self) -> Learner:
        """The teacher as its targets state it."""
        return read_learner(self.sources.targets, name="", license_="")


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory) -> MixtureCenter:
    folder, generator = tmp_path_factory.mktemp("center"), random.Random(11)
    write_lines(folder / "public.jsonl", [{"text": sentence(generator, LABELS[n % 4])} for n in range(400)])
    own = [ticket(generator, label) | {"language": "en"} for label in KNOWN for _ in range(160)]
    write_lines(folder / "labelled.jsonl", own)
    recipe = read_teacher_recipe(write_mixture(folder / "mixture", dimension=DIMENSION))
    label(open_teacher(recipe), CORPUS, folder, folder / "targets")
    space = read_targets_manifest(folder / "targets")[0].embedding_space
    lab = build_lab(folder / "federation", max_epsilon=100.0, embedding_space=space)
    for number in (1, 2):
        shutil.copytree(make_release(lab, f"run-{number}"), folder / f"release-{number}")
    sources = Sources(
        folder / "release-1", lab.home / SIGNING_PUBLIC_KEY, lab.bundle, folder / "targets", folder / "labelled.jsonl"
    )
    return MixtureCenter(folder, lab, open_teacher_folder(folder / "targets"), sources)


@pytest.fixture(scope="module")
def absorbed(center: MixtureCenter) -> Path:
    """The folder of the teacher that has absorbed the first release."""
    absorb(center.fresh, center.sources, RECIPE, center.folder / "one", encode=center.teacher.encode)
    return center.folder / "one"


def opened(path: Path) -> Learner:
    return read_learner(path, name="", license_="")


def recall(center: MixtureCenter, teacher: Path, label: str) -> float:
    head = opened(teacher).intent_head
    assert head is not None
    generator = random.Random(77)
    texts = [ticket(generator, label)["text"] for _ in range(100)]
    said = head.probabilities(center.teacher.encode(texts, Role.QUERY)).argmax(axis=1)
    return float(np.mean([head.labels[i] == label for i in said]))


def test_a_mixture_learns_what_only_branches_knew_and_keeps_what_it_knew(center: MixtureCenter, absorbed: Path) -> None:
    assert recall(center, absorbed, NEW) > 0.4
    assert np.mean([recall(center, absorbed, label) for label in KNOWN]) > 0.6
    assert json.loads((absorbed / REPORT).read_bytes())["agrees_with_student"] > 0.5


def test_a_teacher_is_told_the_languages_of_the_centers_own_texts(center: MixtureCenter, tmp_path: Path) -> None:
    """Half of the texts of the center are said to be Spanish."""
    own = [json.loads(line) for line in (center.folder / "labelled.jsonl").read_text().splitlines()]
    write_lines(tmp_path / "own.jsonl", [row | {"language": ("en", "es")[n % 2]} for n, row in enumerate(own)])
    asked: dict[str, set[str]] = {}

    def encode(texts: list[str], role: Role, languages: Sequence[str]) -> Embeddings:
        for text, language in zip(texts, languages, strict=True):
            asked.setdefault(language, set()).add(text)
        return center.teacher.encode(texts, role, languages)

    sources = replace(center.sources, labelled=tmp_path / "own.jsonl")
    absorb(center.fresh, sources, RECIPE, tmp_path / "new", encode=encode)
    assert asked["en"] == {row["text"] for row in own[::2]}
    assert asked["es"] == {row["text"] for row in own[1::2]}
    assert asked[""] == set(LABELS)


def test_its_folder_holds_the_teacher_and_none_of_the_targets(center: MixtureCenter, absorbed: Path) -> None:
    expected = {TEACHER_FILE, REDUCTION_FILE, TEACHER_TRAINING, REPORT, *INTENT_HEAD_FILES}
    assert set(files_of(absorbed)) == expected
    assert files_of(absorbed)[REDUCTION_FILE] == files_of(center.sources.targets)[REDUCTION_FILE]


def test_it_keeps_its_space_and_says_what_it_was_made_from(center: MixtureCenter, absorbed: Path) -> None:
    made, released = opened(absorbed), read_release(center.sources.release, center.sources.key)
    assert made.embedding_space == center.fresh.embedding_space == released.release.embedding_space
    origins = origins_by_role(made.lineage)
    assert origins["release"].sha256 == released.digest
    assert origins["bundle"].sha256 == released.release.bundle_digest
    before = [origin.sha256 for origin in made.lineage if origin.role == "teacher absorbed into"]
    assert before == [voice.digest for voice in center.teacher.voices]
    assert origins["its reduction"].sha256 == files_of(absorbed)[REDUCTION_FILE]
    (spent,) = made.privacy
    assert (spent.sha256, spent.epsilon) == (released.digest, 30.0)


def test_the_same_absorption_run_again_changes_nothing(center: MixtureCenter, absorbed: Path) -> None:
    before = files_of(center.folder)
    absorb(center.fresh, center.sources, RECIPE, absorbed, encode=center.teacher.encode)
    assert files_of(center.folder) == before


def test_a_mixture_that_has_absorbed_encodes_new_texts_as_before(center: MixtureCenter, absorbed: Path) -> None:
    texts = [sentence(random.Random(5), label) for label in LABELS]
    again = open_teacher_folder(absorbed)
    for role in Role:
        np.testing.assert_array_equal(again.encode(texts, role), center.teacher.encode(texts, role))


def test_releases_are_absorbed_in_order_and_each_once(center: MixtureCenter, absorbed: Path, tmp_path: Path) -> None:
    encode = center.teacher.encode
    with pytest.raises(AbsorptionRefused, match="is absorbed already"):
        absorb(opened(absorbed), center.sources, RECIPE, tmp_path / "again", encode=encode)
    second = replace(center.sources, release=center.folder / "release-2")
    absorb(opened(absorbed), second, RECIPE, tmp_path / "two", encode=encode)
    both = opened(tmp_path / "two")
    assert [spent.serial for spent in both.privacy] == [1, 2]
    ledgers = json.loads((tmp_path / "two" / TEACHER_TRAINING).read_bytes())["ledgers"]["lab"]
    assert len(ledgers) == len(center.lab.branches)
    assert origins_by_role(both.lineage)["its intent head before"].sha256 == files_of(absorbed)[INTENT_HEAD_FILES[0]]
    assert both.embedding_space == center.fresh.embedding_space
    assert not (tmp_path / "again").exists()


def test_a_ledger_that_does_not_go_on_from_the_last_absorption_is_refused(
    center: MixtureCenter, absorbed: Path, tmp_path: Path
) -> None:
    second = Path(shutil.copytree(center.folder / "release-2", tmp_path / "release-2"))

    def forget_spending(value: dict[str, object]) -> None:
        rounds = value["rounds"]
        assert isinstance(rounds, list)
        for number, released in enumerate(rounds, start=1):
            released["ledgers"]["branch-2"] |= {"serial": number, "epsilon": 0.1 * number}

    sign_again(center.lab, second, forget_spending)
    with pytest.raises(AbsorptionRefused, match=r"branch-2 .* chain is broken"):
        absorb(
            opened(absorbed),
            replace(center.sources, release=second),
            RECIPE,
            tmp_path / "two",
            encode=center.teacher.encode,
        )
    assert not (tmp_path / "two").exists()


def test_a_release_that_would_teach_it_worse_leaves_the_disk_as_it_was(center: MixtureCenter, tmp_path: Path) -> None:
    release = Path(shutil.copytree(center.sources.release, tmp_path / "release"))
    head = read_release(release, center.sources.key).learned
    rolled = pack_head(np.roll(head.weight, 1, axis=0), np.roll(head.bias, 1))
    (release / HEAD_FILE).write_bytes(rolled)
    sign_again(center.lab, release, lambda value: value.update(learned_sha256=digest_bytes(rolled)))
    eager = RECIPE.model_copy(update={"regularizations": (0.0,)})
    before = files_of(tmp_path), files_of(center.sources.targets)
    with pytest.raises(AbsorptionRefused, match="the old teacher stays"):
        absorb(
            center.fresh,
            replace(center.sources, release=release),
            eager,
            tmp_path / "new",
            encode=center.teacher.encode,
        )
    assert (files_of(tmp_path), files_of(center.sources.targets)) == before


def test_a_mixture_of_another_reduction_does_not_absorb(center: MixtureCenter, tmp_path: Path) -> None:
    write_lines(tmp_path / "public.jsonl", [{"text": sentence(random.Random(n), "refund")} for n in range(80)])
    recipe = read_teacher_recipe(center.folder / "mixture" / "teacher.toml")
    label(open_teacher(recipe), CORPUS, tmp_path, tmp_path / "targets")
    sources = replace(center.sources, targets=tmp_path / "targets")
    with pytest.raises(AbsorptionRefused, match="embedding space"):
        absorb(opened(tmp_path / "targets"), sources, RECIPE, tmp_path / "new", encode=center.teacher.encode)
    with pytest.raises(AbsorptionRefused, match="labelled by another teacher"):
        absorb(center.fresh, sources, RECIPE, tmp_path / "new", encode=center.teacher.encode)
    assert not (tmp_path / "new").exists()


def test_its_targets_are_labelled_again_and_do_not_stand_for_it(
    center: MixtureCenter, absorbed: Path, tmp_path: Path
) -> None:
    learner = opened(absorbed)
    relabel(learner, center.sources.targets, tmp_path / "again")
    old, new = read_targets(center.sources.targets), read_targets(tmp_path / "again")
    head = learner.intent_head
    assert head is not None
    assert new.intents is not None
    assert (new.texts, new.manifest.intents) == (old.texts, list(head.labels))
    np.testing.assert_array_equal(new.embeddings, old.embeddings)
    expected = old.embeddings.astype(np.float32) @ head.weight.T + head.bias
    np.testing.assert_allclose(new.intents.logits, expected, atol=0.01, rtol=0.01)
    assert list(learner.privacy) == new.manifest.privacy
    assert origins_by_role(tuple(new.manifest.lineage))["teacher's reduction"].name == "two"
    texts = old.texts[:5]
    np.testing.assert_array_equal(
        open_teacher_folder(tmp_path / "again").encode(texts, Role.QUERY), center.teacher.encode(texts, Role.QUERY)
    )
    with pytest.raises(TeacherRefused, match="by a teacher that has learned; name the folder of that teacher"):
        opened(tmp_path / "again")
    with pytest.raises(LabelsDiffer, match="no intent head"):
        relabel(center.fresh, center.sources.targets, tmp_path / "never")


def test_more_texts_are_labelled_in_the_same_space_with_the_new_intents(
    center: MixtureCenter, absorbed: Path, tmp_path: Path
) -> None:
    texts = [sentence(random.Random(100 + n), LABELS[n % 4]) for n in range(40)]
    write_lines(tmp_path / "public.jsonl", [{"text": text} for text in texts])
    label(open_teacher_folder(absorbed), CORPUS, tmp_path, tmp_path / "more")
    more, old = read_targets(tmp_path / "more"), read_targets_manifest(center.sources.targets)[0]
    assert more.manifest.embedding_space == old.embedding_space
    assert more.manifest.reduction == old.reduction
    expected = center.teacher.encode(more.texts, Role.QUERY)
    assert np.abs(more.embeddings.astype(np.float32) - expected).max() < 3e-3
    assert NEW in more.manifest.intents
    assert [spent.serial for spent in more.manifest.privacy] == [1]


def test_a_query_adapter_is_absorbed_by_its_query_side(center: MixtureCenter, absorbed: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(8)
    adapter = QueryAdapter(*(generator.standard_normal((4, DIMENSION)).astype(np.float32) * 0.15 for _ in range(2)))
    release, content = Path(shutil.copytree(center.folder / "release-2", tmp_path / "release")), pack_adapter(adapter)
    (release / HEAD_FILE).unlink()
    (release / ADAPTER_FILE).write_bytes(content)

    def change(value: dict[str, object]) -> None:
        value.update(part="adapter", rank=4, labels=[], learned_sha256=digest_bytes(content))

    sign_again(center.lab, release, change)
    passages = [f"{label}{n} {label}{n + 1} {label}{n + 2}" for label in LABELS for n in range(10)]
    write_lines(
        tmp_path / "pairs.jsonl",
        [{"query": text.rsplit(" ", 1)[0], "passage": text, "language": "en"} for text in passages],
    )
    roles: list[tuple[Role, set[str]]] = []

    def encode(texts: list[str], role: Role, languages: Sequence[str]) -> Embeddings:
        roles.append((role, set(languages)))
        return center.teacher.encode(texts, role, languages)

    sources = replace(center.sources, release=release, labelled=None, pairs=tmp_path / "pairs.jsonl")
    absorb(opened(absorbed), sources, RECIPE, tmp_path / "two", encode=encode)
    made = opened(tmp_path / "two")
    assert sorted(roles) == [(Role.PASSAGE, {"en"}), (Role.QUERY, {"en"})]
    assert made.query_adapter is not None
    assert made.query_adapter[0].a.shape == (4, DIMENSION)
    assert made.intent_head is not None  # what it had learned before is carried over
    assert {"teacher's intent head", "teacher's query adapter"} <= {origin.role for origin in made.as_teacher()}
    (tmp_path / "two" / QUERY_ADAPTER_FILE).write_bytes(b"no")
    with pytest.raises(WeightsRefused, match="no query adapter"):
        opened(tmp_path / "two")


def test_a_folder_that_was_moved_away_from_its_encoders_can_be_mended(absorbed: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(absorbed, tmp_path / "far" / "away" / "teacher"))
    with pytest.raises(EncoderRefused, match="where its path can be corrected"):
        open_teacher_folder(moved)
    facts = json.loads((moved / TEACHER_FILE).read_bytes())
    for voice in facts["recipe"]["encoder"]:
        voice["model"] = str((absorbed / voice["model"]).resolve())
    (moved / TEACHER_FILE).write_text(json.dumps(facts | {"of a later version": 1}))
    assert open_teacher_folder(moved).encode(["refund1"], Role.QUERY).shape == (1, DIMENSION)
    facts["recipe"]["encoder"].reverse()
    (moved / TEACHER_FILE).write_text(json.dumps(facts))
    with pytest.raises(TeacherRefused, match="is another encoder than"):
        open_teacher_folder(moved)


@pytest.mark.parametrize("change", [{"format": "other"}, {"encoders": []}, {"recipe": {"name": "x"}}])
def test_a_broken_teacher_file_is_refused(absorbed: Path, tmp_path: Path, change: dict[str, object]) -> None:
    folder = Path(shutil.copytree(absorbed, tmp_path / "teacher"))
    facts = json.loads((folder / TEACHER_FILE).read_bytes())
    (folder / TEACHER_FILE).write_text(json.dumps(facts | change))
    with pytest.raises(TeacherRefused, match=r"teacher .*teacher\.json is refused"):
        opened(folder)


def test_the_commands_take_a_mixture_by_its_targets_and_by_its_folder(center: MixtureCenter, tmp_path: Path) -> None:
    recipe = tmp_path / "absorption.json"
    recipe.write_text(RECIPE.model_dump_json())
    corpus = tmp_path / "corpus.json"
    corpus.write_text(CORPUS.model_dump_json())
    sources, targets = center.sources, str(center.sources.targets)
    _orilla(
        *("absorb", str(sources.release), "--key", str(sources.key), "--bundle", str(sources.bundle)),
        *("--targets", targets, "--intents", str(sources.labelled), "--recipe", str(recipe)),
        *("--model", targets, "--out", str(tmp_path / "one")),
    )
    _orilla("relabel", "--targets", targets, "--model", str(tmp_path / "one"), "--out", str(tmp_path / "again"))
    _orilla(
        *("label", "--recipe", str(corpus), "--data", str(center.folder), "--model", str(tmp_path / "one")),
        *("--out", str(tmp_path / "more")),
    )
    again, more = (read_targets(tmp_path / name) for name in ("again", "more"))
    assert again.manifest.intents == more.manifest.intents
    assert again.manifest.embedding_space == more.manifest.embedding_space
    np.testing.assert_array_equal(again.embeddings, more.embeddings)
    assert (tmp_path / "again" / TARGETS_MANIFEST).exists()


def _orilla(*arguments: str) -> None:
    result = CliRunner().invoke(app, ["teacher", *arguments])
    assert result.exit_code == 0, result.output
