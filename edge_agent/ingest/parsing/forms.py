"""Forms set as tables: labels with their values beside them, so that no row names the columns of the others.

`Client | Ida Pell` above `Ward | B4` says two things of one client; that a name stands over a column is not meant.
"""

import re
from collections.abc import Iterator, Sequence

_MAX_LABEL_CHARS, _MAX_VALUE_CHARS, _MAX_COLUMNS = 60, 200, 6
_FIGURE = re.compile(r"[^\w]*\d[\d.,:/ \-]*\s*(?:%|€|\$|£|[a-zA-Z]{1,3})?\W*")
_LABELS = frozenset(
    "name|client|customer|patient|phone|telephone|mobile|address|email|e-mail|date of birth|ward|contact|hours|website|"
    "signature|diet|doctor|manager|nombre|cliente|paciente|teléfono|móvil|dirección|domicilio|correo|"
    "correo electrónico|fecha de nacimiento|nif|cif|dni|horario|contacto|responsable|web|iban|firma|apellidos".split(
        "|"
    )
)


def is_form(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows are labels and values in turn; rows of questions and answers are asked for before."""
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or width % 2 or not 2 <= width <= _MAX_COLUMNS:
        return False
    if has_colons(rows):
        return True
    labels = [cell.strip() for row in rows for cell in row[::2] if cell.strip()]
    folded = [label.lower() for label in labels]
    if (
        len(set(folded)) < len(folded)
        or not all(map(_is_label, labels))
        or not all(row and row[0].strip() for row in rows)
    ):
        return False
    columns = [[row[n].strip() if n < len(row) else "" for row in rows] for n in range(1, width, 2)]
    if any(len(value) > _MAX_VALUE_CHARS for column in columns for value in column):
        return False
    if any(_is_named(column) for column in columns):
        return False
    known = sum(label in _LABELS for label in folded[width // 2 :])
    return known * 2 >= width or any(map(_has_digit, (column[0] for column in columns))) or all(map(_is_mixed, columns))


def has_colons(rows: Sequence[Sequence[str]]) -> bool:
    """Whether most labels, in every other column, end in a colon, and their values do not."""
    width = max(map(len, rows), default=0)
    labels = [cell.strip() for row in rows for cell in row[::2] if cell.strip()]
    values = [cell.strip() for row in rows for cell in row[1::2] if cell.strip()]
    ends = [text.endswith(":") for text in labels]
    return (
        width % 2 == 0
        and bool(values)
        and sum(ends) * 2 > len(ends)
        and all(len(text) <= _MAX_LABEL_CHARS for text in labels)
        and sum(value.endswith(":") for value in values) * 4 < len(values)
    )


def pairs(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The labels of a row without their colons, each with its value; a label without one is the value of none."""
    for n in range(0, len(row), 2):
        label, value = row[n], row[n + 1] if n + 1 < len(row) else ""
        yield (label.strip().rstrip(" :"), value) if value.strip() else ("", label)


def _is_label(text: str) -> bool:
    return len(text) <= _MAX_LABEL_CHARS and not _has_digit(text) and text[-1] not in ".;!?" and text[0] != "¿"


def _has_digit(text: str) -> bool:
    return "@" in text or any(map(str.isdigit, text))


def _is_named(column: Sequence[str]) -> bool:
    """Whether the first of a column names figures below it."""
    below = [value for value in column[1:] if value]
    return not _FIGURE.fullmatch(column[0]) and 2 * sum(bool(_FIGURE.fullmatch(value)) for value in below) > len(below)


def _is_mixed(column: Sequence[str]) -> bool:
    """Whether values below the first are of several kinds: figures, texts with figures in them, texts."""
    kinds = {bool(_FIGURE.fullmatch(value)) + _has_digit(value) for value in column[1:] if value}
    return len(kinds) > 1
