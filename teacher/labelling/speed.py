"""The speed of a labelling as figures of a tracked run, one for each hundredth of the corpus."""

import time
from collections.abc import Callable, Mapping

from teacher.labelling.blocks import LabellingProgress


class LabellingSpeed:
    """Figures of a running labelling; its steps are texts.

    Args:
        on_resume: called once, with the texts that were kept.
        on_figures: called with the texts done, the share that they are, and how many a second there were since.
    """

    def __init__(
        self, on_resume: Callable[[int], None], on_figures: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        self._on_resume, self._on_figures = on_resume, on_figures
        self._noted: tuple[float, int] | None = None

    def note(self, progress: LabellingProgress) -> None:
        """Takes note of how far it is."""
        now = time.monotonic()
        if self._noted is None:
            self._on_resume(progress.kept)
            self._noted = now, progress.done
            return
        since, before = self._noted
        if (progress.done - before) * 100 >= progress.total or progress.done == progress.total > before:
            speed = (progress.done - before) / max(now - since, 1e-9)
            share = progress.done / progress.total
            self._on_figures(progress.done, {"share_done": share, "texts_per_s": speed})
            self._noted = now, progress.done
