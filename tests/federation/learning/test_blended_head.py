"""A head with a blend in the federation: its embedding's part starts, and a release takes the place of the whole."""

from pathlib import Path

import numpy as np

from federation.learning.intent_head import INTENT_HEAD
from federation.learning.part import LearnedFacts
from student.bundle.folder import write_bundle
from student.bundle.linear_head import LinearHead, read_head
from tests.student.test_blend import LABELS, write


def test_a_releases_head_replaces_the_whole_head_and_its_words_are_gone(tmp_path: Path) -> None:
    bundle = write(tmp_path / "before")
    learned = LinearHead(np.ones((2, 4), np.float32), np.zeros(2, np.float32), tuple(LABELS), 2.0, 0.1)
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    facts = LearnedFacts(part="head", labels=tuple(LABELS), temperature=2.0, threshold=0.1)
    fields = bundle.manifest.model_dump(mode="json", exclude={"files", "format", "format_version"})
    fields |= INTENT_HEAD.put_into_bundle(learned, facts, bundle, files)
    after = write_bundle(tmp_path / "after", fields, files)
    assert after.manifest.format_version == 1
    assert "blend.safetensors" not in after.manifest.files
    assert read_head(after, "intent").blend is None
