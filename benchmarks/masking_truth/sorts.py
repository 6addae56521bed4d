"""A sort of value: how it is made and written, and the words that name it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.masking_truth.values import Make
from benchmarks.masking_truth.writings import Write


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of value: how it is made and written, and its words; without check digits it stands by its word alone."""

    kind: str
    name: str
    language: str
    make: Make
    writings: Sequence[Write]
    words: str
    is_checked: bool = True
    needs_word: bool = False
