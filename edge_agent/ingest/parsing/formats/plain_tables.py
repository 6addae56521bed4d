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
    """Rows with bars between their cells; a row may be of several lines, with rules between all rows or without."""
    text = "\n".join(lines)
    for bar in _BARS:
        text = text.replace(bar, "|")
    lines = text.split("\n")
    if sum("|" in line for line in lines) < 2:
        return []
    runs: list[Rows] = [[]]  # of lines between two rules
    for line in lines:
        if _RULE_LINE.fullmatch(line):
            runs.append([])
        else:
            runs[-1].append(_between_bars(line))
    rules = len(runs) - 1
    runs = [run for run in runs if run]
    filled = [row for run in runs for row in run]
    width = max(map(len, filled), default=0)
    if width < 2 or len(filled) < 2 or any(len(row) != width for row in filled):
        return []
    if rules > 3 and not any(all(row) for run in runs for row in run[1:]):
        return [_joined(run) for run in runs]
    return [row for run in runs for row in _with_continued_lines(run)]


def _with_continued_lines(lines: Rows) -> Rows:
    """Rows of the lines between two rules, where no rule says which lines are of one row."""
    if all(map(all, lines)):
        return lines
    rows: Rows = []
    for line in lines:
        if rows and _continues(line, rows[-1]):
            rows[-1] = _joined([rows[-1], line])
        else:
            rows.append(line)
    return rows


def _continues(line: Sequence[str], above: Sequence[str]) -> bool:
    """Whether a line holds the rest of cells above: it has none at the left, or words in the midst of a sentence.

    One that leaves out but its first cell is a row of the group that the cell above names, unless it reads on.
    """
    filled = [n for n, cell in enumerate(line) if cell]
    if not filled or len(filled) >= sum(map(bool, above)) or not all(above[n] for n in filled):
        return False
    if any(line[n][0].isdigit() and above[n][0].isdigit() for n in filled):
        return False
    is_group = 2 < len(line) == len(filled) + 1
    return (not line[0] and not is_group) or all(line[n][0].islower() for n in filled)


def _joined(lines: Rows) -> list[str]:
    return [" ".join(filter(None, cells)) for cells in zip(*lines, strict=True)]


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
    return _with_continued_lines(rows) if cuts and full * 3 >= len(rows) * 2 and rows[0][0] else []


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
