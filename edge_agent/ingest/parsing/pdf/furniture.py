"""Running heads, feet and page numbers: lines that stand at the same place of several pages, figures aside."""

import re
from collections.abc import Sequence

from edge_agent.ingest.parsing.pdf.page import Line, Page, Word, rows_of

_EDGE_ROWS = 4
_FIGURES = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"[-–—|\s]*(?:p[aá]gina|page|p[aá]g|seite|folio|hoja|p)\.?\s*\d{1,4}\s*(?:(?:of|de|/|von)\s*\d{1,4})?[-–—|\s.]*"
    r"|[-–—|\s]*\d{1,4}\s*(?:/|of|de)\s*\d{1,4}[-–—|\s.]*",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(r"[-–—|\s]*(?:\d{1,4}|[ivxlc]{1,7})[-–—|\s]*", re.IGNORECASE)
_CONTACT = re.compile(r"@|\d{3}[\d\s.-]{4,}\d|www\.|https?:")

_SAYS = re.compile(r"[.!?:;][)\]»”’\"']?$|[€$£%\d]|[.!?;]\s")
"""What a sentence, a price or a year has, and the name of a company or a form has not."""


def remove_furniture(pages: Sequence[Page]) -> list[Word]:
    """Takes running heads, feet and page numbers out of pages.

    Returns:
        Once each, the words of those that say how to reach somebody; they belong at the end of the text.
    """
    edges = [_edges(page) for page in pages]
    places: dict[tuple[str, int], set[int]] = {}
    for page, rows in zip(pages, edges, strict=True):
        for row in rows:
            for key in _keys(row, page):
                places.setdefault(key, set()).add(page.number)
    kept: list[Word] = []
    seen: set[str] = set()
    title_size = 1.25 * _usual_size(pages)
    for page, rows in zip(pages, edges, strict=True):
        gone: set[int] = set()
        for row in rows:
            is_repeated = any(_is_repeated(places.get(key, set()), page, len(pages)) for key in _keys(row, page))
            is_title = page.number == 1 and row.size > title_size and not _PAGE_NUMBER.fullmatch(row.text)
            is_gone = (is_repeated and not is_title) or _is_page_number(row, page, rows)
            if not is_gone and not (len(pages) == 1 and _is_set_apart(row, page, title_size / 1.25)):
                continue
            gone.update(id(word) for word in row.words)
            mask = _mask(row.text)
            if _CONTACT.search(row.text) and mask not in seen:
                seen.add(mask)
                kept += row.words
        if gone:
            page.words = [word for word in page.words if id(word) not in gone]
    return kept


def _edges(page: Page) -> list[Line]:
    """Parts of the rows at the top and foot of a page, where heads and feet are."""
    rows = rows_of(page.words)
    ends = rows if len(rows) <= 2 * _EDGE_ROWS else rows[:_EDGE_ROWS] + rows[-_EDGE_ROWS:]
    near = [row for row in ends if row.base < 0.17 * page.height or row.top > 0.83 * page.height]
    return [part for row in near for part in row.parts(max(12.0, 1.5 * row.size))]


def _keys(row: Line, page: Page) -> list[tuple[str, int]]:
    """Keys that a row shares with the same one of other pages: its text without figures, and its place."""
    mask, place = _mask(row.text), row.base / 4
    return [(mask, int(place)), (mask, int(place + 0.5) + 100_000)]


def _mask(text: str) -> str:
    return "#" if _BARE_NUMBER.fullmatch(text) else _FIGURES.sub("#", text.casefold())


def _is_repeated(numbers: set[int], page: Page, count: int) -> bool:
    """Whether a row is on enough pages: two in a short document, else three with one of them nearby."""
    if len(numbers) < (2 if count <= 4 else 3):
        return False
    return any(abs(number - page.number) <= 4 for number in numbers - {page.number})


def _is_page_number(row: Line, page: Page, rows: Sequence[Line]) -> bool:
    """Whether a row is a page's number by itself, at the very top or foot."""
    if row.base < 0.12 * page.height or row.top > 0.88 * page.height or row is rows[-1] or row is rows[0]:
        text = row.text.strip("-–—| ")
        return bool(_PAGE_NUMBER.fullmatch(row.text)) or (text.isdecimal() and int(text) == page.number)
    return False


def _is_set_apart(row: Line, page: Page, usual: float) -> bool:
    """Whether a row of the only page is its head or foot: in smaller type, clear of the rest, short, no sentence."""
    if row.size > 0.9 * usual or len(row.words) > 6 or _SAYS.search(row.text):
        return False
    others = [word for word in page.words if abs(word.base - row.base) > 0.5 * row.size]
    if len(others) < 60:
        return False
    if row.base < 0.08 * page.height:
        return min(word.top for word in others) > row.bottom + 1.5 * usual
    if row.top > 0.92 * page.height:
        return max(word.bottom for word in others) < row.top - 1.5 * usual
    return False


def _usual_size(pages: Sequence[Page]) -> float:
    sizes: dict[float, int] = {}
    for page in pages[:20]:
        for word in page.words:
            size = round(word.size * 2) / 2
            sizes[size] = sizes.get(size, 0) + len(word.text)
    return max(sizes, key=lambda size: sizes[size]) if sizes else 10.0
