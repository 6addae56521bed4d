"""Labelling: the targets of a small corpus, whole after any kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from student.artifacts.digests import digest_bytes
from student.bundle.linear_head import LinearHead
from student.bundle.manifest import PrivacySpent
from student.distill.pretrained import Pretrained, find_minilm
from student.distill.targets import read_targets
from student.embeddings import Embeddings
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.encoders.encoder import EncoderFacts
from teacher.encoders.settings import Prompts
from teacher.errors import LabelsDiffer, TeacherRefused
from teacher.labelling import label as labelling
from teacher.labelling.blocks import LabellingProgress
from teacher.mixture.facts import read_teacher_facts
from teacher.mixture.folder import with_reduction
from teacher.mixture.recipe import TeacherRecipe, VoiceSettings
from teacher.mixture.teacher import Teacher, Voice, require_a_dimension, teacher_of
from teacher.roles import Role
from tests.conftest import ROOT

RECIPE = CorpusRecipe(
    name="small", source=[Source(mix="pairs", kind="pairs", file="pairs.jsonl", license="Apache-2.0")]
)


def fake_free_encode(texts: list[str]) -> Embeddings:
    """A deterministic embedding of the letters of a text: labelling itself is what is tested here."""
    rows = np.array([[text.count(c) + 1 for c in "abcdefgh"] for text in texts], dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [{"en": f"text number {n} {'abcdefgh'[n % 8] * (n % 5)}", "es": f"texto número {n}"} for n in range(10_000)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def pretrained() -> Pretrained:
    """MiniLM's identity, with the size of the embeddings used here."""
    return replace(find_minilm(), dimension=8)


@pytest.fixture(scope="module")
def teacher(pretrained: Pretrained) -> Teacher:
    return teacher_of(pretrained, fake_free_encode)


@dataclass(frozen=True)
class Letters:
    """A real encoder of some of the letters of a text; the role is a letter more."""

    letters: str

    @property
    def facts(self) -> EncoderFacts:
        digest = digest_bytes(self.letters.encode())
        return EncoderFacts(self.letters, "x", digest, len(self.letters) + 1, None, Prompts())

    def encode(self, texts: list[str], role: Role) -> Embeddings:
        counts = [[*(text.count(c) + 0.1 for c in self.letters), 3.0 * (role is Role.QUERY)] for text in texts]
        rows = np.array(counts, dtype=np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def voice(letters: str, **settings: object) -> Voice:
    fields = {"name": letters, "model": letters, "license": "MIT", **settings}
    return Voice(Letters(letters), VoiceSettings.model_validate(fields))


def several(*voices: Voice, **fields: object) -> Teacher:
    recipe = TeacherRecipe.model_validate({"name": "several", "encoder": [v.settings for v in voices], **fields})
    return Teacher(recipe, list(voices))


def test_every_text_gets_the_embedding_of_its_own(
    data: Path, teacher: Teacher, pretrained: Pretrained, tmp_path: Path
) -> None:
    done = labelling.label(teacher, RECIPE, data, tmp_path / "t")
    targets = read_targets(tmp_path / "t")
    assert done.rows == done.texts_encoded == len(targets.texts) == 20_000
    for row in (0, 1, 19_999):
        np.testing.assert_allclose(targets.embeddings[row], fake_free_encode([targets.texts[row]])[0], atol=1e-3)
    assert len(targets.links.translations) == 10_000
    assert targets.manifest.embedding_space == pretrained.embedding_space
    assert targets.manifest.reduction is None
    assert {origin.role for origin in targets.manifest.lineage} == {"teacher", "distillation texts"}


def test_labelling_again_does_nothing_and_gives_the_same(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    labelling.label(teacher, RECIPE, data, tmp_path / "t")
    first = read_targets(tmp_path / "t")
    again = labelling.label(teacher, RECIPE, data, tmp_path / "t")
    assert again.texts_encoded == 0
    assert read_targets(tmp_path / "t").digest == first.digest


def test_a_killed_labelling_continues_and_ends_like_one_that_was_not(
    data: Path, teacher: Teacher, pretrained: Pretrained, tmp_path: Path
) -> None:
    labelling.label(teacher, RECIPE, data, tmp_path / "whole")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tests.teacher.labelling.test_label import RECIPE, fake_free_encode\n"
        "from dataclasses import replace; from student.distill.pretrained import find_minilm\n"
        "from teacher.labelling.label import label; from teacher.mixture.teacher import teacher_of\n"
        "def slow(texts):\n    time.sleep(0.02)\n    return fake_free_encode(texts)\n"
        "teacher = teacher_of(replace(find_minilm(), dimension=8), slow)\n"
        "label(teacher, RECIPE, Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(data), str(tmp_path / "killed")], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").rglob("*.npy")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    assert not (tmp_path / "killed" / "targets.json").exists()
    done = labelling.label(teacher, RECIPE, data, tmp_path / "killed")
    assert 0 < done.texts_encoded < done.rows
    assert read_targets(tmp_path / "killed").digest == read_targets(tmp_path / "whole").digest


def test_progress_counts_what_is_kept_from_the_first_call(data: Path, tmp_path: Path) -> None:
    one, other, third = voice("abcd"), voice("efgh"), voice("abefgh")
    rows = labelling.label(several(one, other, dimension=8), RECIPE, data, tmp_path / "t", share=0.25).rows
    seen: list[LabellingProgress] = []
    three, again = several(third, one, other, dimension=8), list[LabellingProgress]()
    labelling.label(three, RECIPE, data, tmp_path / "t", share=0.25, on_rows=seen.append)
    assert seen[0] == LabellingProgress(2 * rows, 3 * rows, kept=2 * rows)  # of encoders that come later, too
    assert seen[-1] == LabellingProgress(3 * rows, 3 * rows, kept=2 * rows)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    labelling.label(three, RECIPE, data, tmp_path / "t", share=0.25, on_rows=again.append)
    assert again == [LabellingProgress(3 * rows, 3 * rows, kept=3 * rows)]


_TWO = """
import sys
from dataclasses import replace
from pathlib import Path
from student.distill.pretrained import find_minilm
from student.distill.training.processes import join_processes
from teacher.labelling.label import label
from teacher.mixture.teacher import teacher_of
from tests.teacher.labelling.test_label import RECIPE, fake_free_encode
processes, texts = join_processes(), 0
def encode(batch):
    global texts
    texts += len(batch)
    return fake_free_encode(batch)
teacher = teacher_of(replace(find_minilm(), dimension=8), encode)
done = label(teacher, RECIPE, Path(sys.argv[1]), Path(sys.argv[2]), processes=processes)
Path(f"{sys.argv[2]}.{processes.rank}-of-{processes.count}").write_text(f"{texts} of {done.texts_encoded}")
"""


def test_two_processes_share_the_chunks_and_leave_what_one_leaves(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    """Under torchrun, with gloo on loopback."""
    labelling.label(teacher, RECIPE, data, tmp_path / "one")
    (tmp_path / "two").mkdir()
    shutil.copytree(tmp_path / "one" / "said", tmp_path / "two" / "said")
    for chunk in sorted((tmp_path / "two" / "said").rglob("*.npy"))[:6]:  # four of ten are kept
        chunk.unlink()
    (tmp_path / "child.py").write_text(_TWO)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*command, str(tmp_path / "child.py"), str(data), str(tmp_path / "two")],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=110,
        stderr=subprocess.DEVNULL,
    )
    assert read_targets(tmp_path / "two").digest == read_targets(tmp_path / "one").digest
    encoded = [(tmp_path / f"two.{rank}-of-2").read_text().split(" of ") for rank in (0, 1)]
    assert encoded[0][1] == encoded[1][1]
    assert int(encoded[0][0]) + int(encoded[1][0]) == int(encoded[0][1])
    assert all(2 * 2048 <= int(texts) <= 3 * 2048 for texts, _ in encoded)


def test_more_texts_or_another_share_are_added_to_what_is_there(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    first = labelling.label(teacher, RECIPE, data, tmp_path / "t", share=0.3)
    more = labelling.label(teacher, RECIPE, data, tmp_path / "t")
    assert more.texts_encoded == more.rows - first.rows
    assert labelling.label(teacher, RECIPE, data, tmp_path / "t").texts_encoded == 0


def test_of_a_corpus_that_changed_only_new_texts_are_encoded(teacher: Teacher, tmp_path: Path) -> None:
    rows = [{"text": f"a text about {number}"} for number in range(3000)]
    write = (tmp_path / "t.jsonl").write_text
    recipe = CorpusRecipe(name="t", source=[Source(mix="m", kind="texts", file="t.jsonl", license="MIT")])
    write("".join(json.dumps(row) + "\n" for row in rows))
    labelling.label(teacher, recipe, tmp_path, tmp_path / "t")
    changed = [*rows[:1500:2], {"text": "a new text"}, *rows[1500:]]
    write("".join(json.dumps(row) + "\n" for row in changed))
    assert labelling.label(teacher, recipe, tmp_path, tmp_path / "t").texts_encoded == 1
    labelling.label(teacher, recipe, tmp_path, tmp_path / "fresh")
    assert read_targets(tmp_path / "t").digest == read_targets(tmp_path / "fresh").digest


def test_a_text_in_another_role_is_encoded_again(teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "how to pay"}\n{"text": "press the button"}\n')
    encoded = []
    for role in (Role.PASSAGE, Role.QUERY, Role.PASSAGE):
        asked = Source(mix="m", kind="texts", file="t.jsonl", license="MIT", role=role)
        recipe = CorpusRecipe(name="t", source=[asked])
        encoded.append(labelling.label(teacher, recipe, tmp_path, tmp_path / "t").texts_encoded)
    assert encoded == [2, 2, 0]


def test_a_chunk_that_a_crash_cut_off_is_encoded_again(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    labelling.label(teacher, RECIPE, data, tmp_path / "t")
    digest = read_targets(tmp_path / "t").digest
    chunk = sorted((tmp_path / "t").rglob("*.npy"))[0]
    chunk.write_bytes(chunk.read_bytes()[:-7])
    assert labelling.label(teacher, RECIPE, data, tmp_path / "t").texts_encoded <= 2048
    assert read_targets(tmp_path / "t").digest == digest


def test_similarities_are_the_weighted_mean_of_what_the_encoders_see(data: Path, tmp_path: Path) -> None:
    one, other = voice("abcd", weight=3.0), voice("efgh")
    labelling.label(several(one, other, dimension=10), RECIPE, data, tmp_path / "t", share=0.1)
    targets = read_targets(tmp_path / "t")
    texts, embeddings = targets.texts[:50], targets.embeddings[:50].astype(np.float32)
    by_one, by_other = (v.encoder.encode(texts, Role.PASSAGE) for v in (one, other))
    expected = 0.75 * by_one @ by_one.T + 0.25 * by_other @ by_other.T
    np.testing.assert_allclose(embeddings @ embeddings.T, expected, atol=5e-3)
    assert [settings["weight"] for settings in targets.manifest.teachers] == [3.0, 1.0]
    assert [origin.name for origin in targets.manifest.lineage if origin.role == "teacher"] == ["abcd", "efgh"]


def test_a_centered_encoder_loses_its_mean_by_role(tmp_path: Path) -> None:
    rows = [{"text": "ab"[n % 2] * (1 + n % 7) + "c" * (n % 5)} for n in range(400)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps({"text": row["text"] + "?"}) + "\n" for row in rows))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = [Source(mix=r, kind="texts", file=f"{r[0]}.jsonl", role=r, license="MIT") for r in Role]
    recipe = CorpusRecipe(name="roles", source=sources)
    labelling.label(several(voice("abcdefgh", is_centered=True)), recipe, tmp_path, tmp_path / "t")
    targets = read_targets(tmp_path / "t")
    asked = np.array([mix == "query" for mix in targets.mixes])
    for rows_of in (asked, ~asked):
        assert np.abs(targets.embeddings[rows_of].astype(np.float32).mean(axis=0)).max() < 0.2
    similar = targets.embeddings[asked].astype(np.float32) @ targets.embeddings[~asked].astype(np.float32).T
    assert abs(similar.mean()) < 0.1  # uncentered, the role's own number keeps the two apart


def test_an_encoder_that_cannot_read_a_language_lets_the_translation_speak(data: Path, tmp_path: Path) -> None:
    labelling.label(several(voice("abcdefgh", languages=["en"])), RECIPE, data, tmp_path / "t", share=0.1)
    targets = read_targets(tmp_path / "t")
    english, spanish = targets.links.translations.T
    assert len(english) == len(targets.texts) / 2 > 500
    np.testing.assert_array_equal(targets.embeddings[english], targets.embeddings[spanish])
    assert all(targets.texts[row].startswith("texto") for row in spanish)


def test_a_text_that_no_encoder_can_read_is_left_out(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "lang": "en"} for n in range(30)] + [
        {"text": f"texto {n}", "lang": "es"} for n in range(9)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = CorpusRecipe(name="x", source=[Source(mix="m", kind="texts", file="t.jsonl", license="MIT")])
    done = labelling.label(several(voice("abcdefgh", languages=["en"])), recipe, tmp_path, tmp_path / "t")
    assert done.rows == 30


def test_the_others_stand_in_for_an_encoder_that_says_nothing(tmp_path: Path) -> None:
    words = ["abc", "aab", "bcc", "abd", "ddc"]
    rows = [{"text": words[n % 5] * (1 + n % 3) + str(n), "lang": "en" if n % 3 else "es"} for n in range(600)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = CorpusRecipe(name="x", source=[Source(mix="m", kind="texts", file="t.jsonl", license="MIT")])
    both, english = voice("abcd"), voice("dcba", languages=["en"])
    labelling.label(several(both, english, dimension=10), recipe, tmp_path, tmp_path / "t")
    targets = read_targets(tmp_path / "t")
    expected = both.encoder.encode(targets.texts, Role.PASSAGE)  # the other sees the same letters, in another order
    similar = targets.embeddings.astype(np.float32) @ targets.embeddings.astype(np.float32).T
    assert np.abs(similar - expected @ expected.T).mean() < 0.02


def test_a_stand_in_speaks_in_the_space_of_another_where_that_one_does_not(data: Path, tmp_path: Path) -> None:
    """English is said by the one, Spanish with a translation by the same, other Spanish by the stand-in."""
    english = voice("abcdefgh", languages=["en"])
    stand_in = Voice(
        Letters("hgfedcba"),
        english.settings.model_copy(update={"name": "other", "languages": ["es"], "stands_in_for": "abcdefgh"}),
    )
    rows = [{"text": f"hasta {'abcdh'[n % 5] * (1 + n % 7)} {n}", "lang": "es"} for n in range(60)]
    (data / "alone.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    alone = Source(mix="alone", kind="texts", file="alone.jsonl", license="MIT")
    recipe = RECIPE.model_copy(update={"source": [*RECIPE.source, alone]})
    labelling.label(several(english, stand_in, dimension=9), recipe, data, tmp_path / "t")
    targets = read_targets(tmp_path / "t")
    left = [row for row, mix in enumerate(targets.mixes) if mix == "alone"]
    assert len(left) == 60
    linked = targets.links.translations[:40]
    texts = [targets.texts[row] for row in (*left, *linked[:, 0], *linked[:, 1])]
    by_one, by_other = (each.encoder.encode(texts, Role.PASSAGE) for each in (english, stand_in))
    expected = np.concatenate([by_other[:60], by_one[60:100], by_one[60:100]])
    embeddings = targets.embeddings[[*left, *linked[:, 0], *linked[:, 1]]].astype(np.float32)
    np.testing.assert_allclose(embeddings @ embeddings.T, expected @ expected.T, atol=5e-3)
    assert targets.manifest.teachers[1]["stands_in_for"] == "abcdefgh"
    teacher = with_reduction(several(english, stand_in, dimension=9), tmp_path / "t")
    again = teacher.encode([targets.texts[row] for row in left], Role.PASSAGE, ["es"] * 60)
    np.testing.assert_allclose(again, embeddings[:60], atol=2e-3)


def test_a_stand_in_names_an_encoder_of_its_recipe_and_its_width() -> None:
    one, other = voice("abcd", languages=["en"]), voice("efg", stands_in_for="abcd")
    with pytest.raises(ValidationError, match="stands_in_for of efg must name one encoder of the recipe"):
        several(voice("xyz"), other)
    with pytest.raises(TeacherRefused, match="efg makes 4 numbers, abcd, for which it stands in, 5; a stand-in is of"):
        require_a_dimension(several(one, other, dimension=8).recipe, [one, other])


def test_translations_are_pulled_together(data: Path, tmp_path: Path) -> None:
    nearness = []
    for pull in (0.0, 0.5, 1.0):
        teacher = several(voice("abcdefgh"), translation_pull=pull)
        labelling.label(teacher, RECIPE, data, tmp_path / str(pull), share=0.05)
        targets = read_targets(tmp_path / str(pull))
        one, other = (targets.embeddings[side].astype(np.float32) for side in targets.links.translations.T)
        nearness.append(float((one * other).sum(axis=1).mean()))
    assert nearness[0] < nearness[1] < nearness[2] == pytest.approx(1, abs=1e-3)


def test_the_side_of_the_leading_language_stays_and_the_other_moves_to_it(data: Path, tmp_path: Path) -> None:
    targets = {}
    for name, lead in (("apart", None), ("led", "en")):
        teacher = several(voice("abcdefgh"), translation_pull=1.0 if lead else 1e-6, translation_lead=lead)
        labelling.label(teacher, RECIPE, data, tmp_path / name, share=0.05)
        targets[name] = read_targets(tmp_path / name)
    english, spanish = targets["led"].links.translations.T
    apart, led = (targets[name].embeddings.astype(np.float32) for name in ("apart", "led"))
    np.testing.assert_allclose(led[english], apart[english], atol=2e-3)
    np.testing.assert_allclose(led[spanish], apart[english], atol=2e-3)
    assert np.abs(apart[spanish] - apart[english]).max() > 0.1
    assert targets["led"].manifest.embedding_space != targets["apart"].manifest.embedding_space
    assert read_teacher_facts(tmp_path / "led").recipe.translation_lead == "en"


def test_several_encoders_without_a_dimension_are_refused() -> None:
    with pytest.raises(TeacherRefused, match="has 2 encoders; say with dimension"):
        require_a_dimension(TeacherRecipe(name="two", encoder=[voice("ab").settings] * 2), [voice("ab"), voice("cd")])


def test_a_corpus_without_texts_is_refused(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    with pytest.raises(LabelsDiffer, match="holds no text at share 0"):
        labelling.label(teacher, RECIPE, data, tmp_path / "t", share=0.0)
    assert not (tmp_path / "t").exists()


def test_a_folder_of_something_else_is_not_written_into(data: Path, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "notes.txt").write_text("mine")
    with pytest.raises(LabelsDiffer, match="not empty"):
        labelling.label(teacher, RECIPE, data, tmp_path / "t")


def test_a_teacher_with_an_intent_head_gives_logits_and_the_known_intents(
    tmp_path: Path, pretrained: Pretrained
) -> None:
    rows = [{"text": f"{'abc'[n % 3] * 3} {n}", "label": "xyz"[n % 3]} for n in range(30)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    weight = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    knowing = replace(pretrained, intent_head=LinearHead(weight, np.ones(2, np.float32), ("x", "y"), 1.0, 0.0))
    source = Source(mix="m", kind="texts", file="texts.jsonl", intent_field="label", license="MIT")
    recipe = CorpusRecipe(name="intents", source=[source])
    labelling.label(teacher_of(knowing, fake_free_encode), recipe, tmp_path, tmp_path / "targets")
    targets = read_targets(tmp_path / "targets")
    assert targets.manifest.intents == ["x", "y"]
    assert targets.intents is not None
    assert targets.intents.known.tolist() == [{"a": 0, "b": 1, "c": -1}[text[0]] for text in targets.texts]
    expected = fake_free_encode(targets.texts) @ weight.T + 1
    assert np.allclose(targets.intents.logits, expected, atol=0.01)


def test_targets_are_labelled_again_without_the_teacher_running(
    data: Path, teacher: Teacher, pretrained: Pretrained, tmp_path: Path
) -> None:
    labelling.label(teacher, RECIPE, data, tmp_path / "old")
    head = LinearHead(np.eye(2, 8, dtype=np.float32), np.ones(2, np.float32), ("x", "y"), 0.5, 0.0)
    spent = PrivacySpent(
        federation="lab",
        serial=1,
        sha256="7" * 64,
        run_id="run-1",
        rounds=2,
        fewest_branches=3,
        epsilon=3.0,
        delta=1e-5,
        unit="customer",
        neighboring="add-or-remove",
        accountant="exact",
        mechanism="secure",
        largest_ledger_epsilon=3.0,
    )
    knowing = replace(pretrained, intent_head=head, intent_head_sha256="8" * 64, privacy=(spent,))
    labelling.relabel(knowing, tmp_path / "old", tmp_path / "new")
    old, new = read_targets(tmp_path / "old"), read_targets(tmp_path / "new")
    assert (new.texts, new.manifest.intents, new.manifest.intent_temperature) == (old.texts, ["x", "y"], 0.5)
    assert np.array_equal(new.embeddings, old.embeddings)
    assert new.intents is not None
    assert np.allclose(new.intents.logits, new.embeddings.astype(np.float32)[:, :2] + 1, atol=0.01)
    assert new.manifest.privacy == [spent]
    assert {origin.sha256 for origin in new.manifest.lineage} >= {"8" * 64, pretrained.weights_sha256}
    before = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    labelling.relabel(knowing, tmp_path / "old", tmp_path / "new")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == before


def test_targets_of_another_space_are_not_labelled_again(
    data: Path, teacher: Teacher, pretrained: Pretrained, tmp_path: Path
) -> None:
    labelling.label(teacher, RECIPE, data, tmp_path / "old")
    with pytest.raises(LabelsDiffer, match="no intent head"):
        labelling.relabel(pretrained, tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()
