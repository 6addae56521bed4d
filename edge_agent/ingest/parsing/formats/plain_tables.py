"""Tables drawn in plain text: with bars and rules, with tabs, or with columns that stand below each other."""

import re
from collections.abc import Sequence

_BARS = "│┃║¦"  # and the plain one
_MARKS = f"|{_BARS}\t;"
_RULE_LINE = re.compile(r"[\s|+\-=:_─━═┌┬┐├┼┤└┴┘╔╦╗╠╬╣╚╩╝╟╢╤╧╪╞╡╥╨┏┳┓┣╋┫┗┻┛]{3,}")
_GAP = re.compile(r"\S {2,}\S")
_MAX_LINE_CHARS, _MIN_ALIGNED = 400, 3
Rows = list[list[str]]


def may_be_table(lines: Sequence[str]) -> bool:
    """Whether there is anything in neighbouring lines that could stand between cells."""
    text = "\n".join(lines)
    return any(mark in text for mark in _MARKS) or _has_gap(text)


def drawn_rows(lines: Sequence[str]) -> Rows:
    """The rows of neighbouring lines that are a table; none where they are no table."""
    if len(lines) < 2:
        return []
    return _barred(lines) or _tabbed(lines) or _delimited(lines) or _aligned(lines)


def _barred(lines: Sequence[str]) -> Rows:
    """Rows with bars between their cells; where rules stand between all rows, a row may be of several lines."""
    text = "\n".join(lines)
    for bar in _BARS:
        text = text.replace(bar, "|")
    lines = text.split("\n")
    if sum("|" in line for line in lines) < 2:
        return []
    rules = [bool(_RULE_LINE.fullmatch(line)) for line in lines]
    cells = [[] if is_rule else _between_bars(line) for line, is_rule in zip(lines, rules, strict=True)]
    filled = [row for row, is_rule in zip(cells, rules, strict=True) if not is_rule]
    width = max(map(len, filled), default=0)
    if width < 2 or len(filled) < 2 or any(len(row) != width for row in filled):
        return []
    if sum(rules) < 4:
        return filled
    rows: Rows = []
    starts_row = True
    for row, is_rule in zip(cells, rules, strict=True):
        if is_rule:
            starts_row = True
        elif starts_row:
            rows.append(row)
            starts_row = False
        else:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], row, strict=True)]
    return rows


def _between_bars(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _tabbed(lines: Sequence[str]) -> Rows:
    """Rows with tabs between their cells; several in a row are one, where people aligned with them."""
    if not all("\t" in line.strip() for line in lines):
        return []
    rows = [line.rstrip().split("\t") for line in lines]
    if len({len(row) for row in rows}) > 1:
        rows = [re.split(r"\t+", line.strip()) for line in lines]
    return [[cell.strip() for cell in row] for row in rows]


def _delimited(lines: Sequence[str]) -> Rows:
    """Rows as of a CSV, two semicolons or more in each of three lines or more."""
    counts = {line.count(";") for line in lines}
    if len(lines) < _MIN_ALIGNED or len(counts) > 1 or min(counts) < 2:
        return []
    return [[cell.strip() for cell in line.split(";")] for line in lines]


def _aligned(lines: Sequence[str]) -> Rows:
    """Rows whose cells stand below each other, with two spaces or more between all of them."""
    lines = [line.expandtabs(8).rstrip() for line in lines if not _RULE_LINE.fullmatch(line)]
    width = max(map(len, lines), default=0)
    if len(lines) < _MIN_ALIGNED or width > _MAX_LINE_CHARS:
        return []
    if 3 * sum(map(_has_gap, lines)) < 2 * len(lines):
        return []  # so few lines have two cells
    empty = (" ",) * len(lines)
    cuts = _gutters([column != empty for column in zip(*(line.ljust(width) for line in lines), strict=True)])
    bounds = list(zip([0, *cuts], [*cuts, width], strict=True))
    rows = [[line[start:end].strip() for start, end in bounds] for line in lines]
    full = sum(sum(map(bool, row)) > 1 for row in rows)
    return rows if cuts and full * 3 >= len(rows) * 2 and rows[0][0] else []


def _has_gap(text: str) -> bool:
    """Whether two spaces or more stand between other characters."""
    return "  " in text and _GAP.search(text) is not None


def _gutters(used: Sequence[bool]) -> list[int]:
    """The places where columns begin: after two or more places that are empty in every line."""
    cuts, empty = [], 0
    has_begun = False
    for n, is_used in enumerate(used):
        if is_used:
            if has_begun and empty >= 2:
                cuts.append(n)
            has_begun, empty = True, 0
        else:
            empty += 1
    return cuts
