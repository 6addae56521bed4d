"""Units: the parts of a passage that can be quoted alone, encoded one by one when it is stored.

A unit is a sentence, a question with the sentence that answers it, a row of a table, a piece of code.
"""

from edge_agent.storage.records import HEADING_GAP, PassageKind
from edge_agent.text import split_units

WHOLE = frozenset({PassageKind.TABLE_ROW, PassageKind.CODE, PassageKind.HEADING})
"""Kinds of passages that are quoted as they are, not sentence by sentence."""


def unit_spans(text: str, kind: PassageKind) -> list[tuple[int, int]]:
    """Offsets of a passage's units, in order."""
    return [(0, len(text))] if kind in WHOLE else split_units(text)


def unit_inputs(heading: str, text: str, kind: PassageKind) -> list[str]:
    """The texts that the encoder sees of a passage's units: an answer stands below its question, whose words it lacks.

    Args:
        heading: the headings above the passage.
        text: of the passage.
        kind: of the passage.
    """
    question = f"{heading.rsplit(HEADING_GAP, 1)[-1]}\n" if kind is PassageKind.QUESTION_ANSWER else ""
    return [question + text[start:end] for start, end in unit_spans(text, kind)]
