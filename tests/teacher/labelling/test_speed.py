"""The figures of a running labelling: one for each hundredth of the corpus, and the last."""

from collections.abc import Mapping

from teacher.labelling.blocks import LabellingProgress
from teacher.labelling.speed import LabellingSpeed


def test_a_figure_comes_with_each_hundredth_and_with_the_last_text() -> None:
    resumed: list[int] = []
    figures: dict[int, Mapping[str, float]] = {}
    speed = LabellingSpeed(resumed.append, figures.__setitem__)
    for done in (200, 205, 209, 210, 219, 230, 995, 1000, 1000):
        speed.note(LabellingProgress(done, 1000, kept=200))
    assert resumed == [200]
    assert list(figures) == [210, 230, 995, 1000]
    assert [each["share_done"] for each in figures.values()] == [0.21, 0.23, 0.995, 1.0]
    assert all(each["texts_per_s"] > 0 for each in figures.values())
