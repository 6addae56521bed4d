"""Answer units: the whole that a sentence, item, row or piece of code belongs to, up to a bound.

Deciding code: no I/O. A sentence is what is compared with a question; it seldom answers alone. Around it stand the
paragraph it belongs to, the list with its lead-in, the steps before it, the rest of the answer to a question.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from edge_agent.answering.evidence import Bounds, Candidate
from edge_agent.answering.filler import is_filler
from edge_agent.answering.rows import LINE
from edge_agent.answering.sections import ITEM, MOST_SPACE, Block, BlockKind, Section
from edge_agent.storage.records import HEADING_GAP, PassageKind
from edge_agent.text import codes, holds_code, split_sentences

_REFERS_BACK = re.compile(
    r"""(?:
      est[aeo]s? | es[aeo]s? | aquel\w* | adem[aá]s | tambi[eé]n | por\ (?:ello|eso|tanto|lo\ tanto|ejemplo)
    | en\ (?:este|ese|tal|estos)\ casos? | de\ lo\ contrario | en\ caso\ contrario | sin\ embargo | no\ obstante | pero
    | luego | despu[eé]s | a\ continuaci[oó]n | asimismo | entonces | as[ií] | si\ no
    | th(?:is|ese|at|ose|ey|en) | it | its | also | however | otherwise | in\ (?:this|that|these)\ cases? | therefore
    | but | after\ (?:this|that) | instead | for\ example | doing\ so | additionally | furthermore | if\ (?:so|not)
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_LISTED = (BlockKind.BULLET, BlockKind.STEP)


def unit_of(
    candidate: Candidate, section: Section, question: str, bounds: Bounds, near: Mapping[int, float]
) -> list[tuple[int, int]]:
    """The spans of the document's text that make the unit around a candidate, in order, without filler.

    Args:
        candidate: what was found.
        section: that it stands in.
        question: its text; what stands under a code that it names is quoted from its beginning.
        bounds: how much is quoted whole.
        near: scores above 0 of the sentences that were found in the same document, by where they start.
    """
    if candidate.passage.kind is PassageKind.HEADING:
        return [(candidate.start, candidate.end)]
    blocks = _without_filler_blocks(candidate, section)
    at = _place(blocks, candidate)
    if at is None:  # it begins in space that no block has
        return [(candidate.start, candidate.end)]
    whole = _whole_answer(blocks, candidate, section, question, bounds)
    if whole:
        return _without_filler(whole, candidate, section)
    if blocks[at].kind in _LISTED:
        spans = _listed(blocks, at, section, bounds)
    elif blocks[at].kind is BlockKind.PARAGRAPH:
        spans = _paragraph(blocks, at, candidate, section, bounds, near=near)
    else:
        spans = [*_lead(blocks, at, section, bounds), (blocks[at].start, blocks[at].end)]
    return _without_filler(spans, candidate, section)


def _place(blocks: Sequence[Block], candidate: Candidate) -> int | None:
    return next((n for n, block in enumerate(blocks) if block.start <= candidate.start < block.end), None)


def _whole_answer(
    blocks: Sequence[Block], candidate: Candidate, section: Section, question: str, bounds: Bounds
) -> list[tuple[int, int]]:
    """All that stands under a question, or a code that is asked for, where it is short; else nothing."""
    heading = candidate.passage.heading.rsplit(HEADING_GAP, 1)[-1]
    is_answer = candidate.passage.kind is PassageKind.QUESTION_ANSWER
    if not is_answer and not any(holds_code(heading, code) for code in codes(question)):
        return []
    text_blocks = [block for block in blocks if block.kind is not BlockKind.ROW]
    if not text_blocks or text_blocks[-1].end - text_blocks[0].start > bounds.answer:
        return []
    return [(block.start, block.end) for block in text_blocks]


def _listed(blocks: Sequence[Block], at: int, section: Section, bounds: Bounds) -> list[tuple[int, int]]:
    """A list with its lead-in where it is short; steps from the first on; else the item, with the items below it."""
    first, last = _list_around(blocks, at)
    lead = _lead(blocks, first, section, bounds)
    spans = [(block.start, block.end) for block in blocks[first : last + 1]]
    is_steps = blocks[first].kind is BlockKind.STEP and not _are_entries(blocks[first : last + 1], section)
    most = bounds.steps if is_steps else bounds.listed
    own = _with_items_below(blocks, at)
    if spans[-1][1] - spans[0][0] <= most:
        return [*lead, *spans]
    if not is_steps and LINE.fullmatch(ITEM.sub("", section.quote(blocks[at].start, blocks[at].end), count=1)):
        return own
    shown = list(takewhile(lambda span: span[1] - spans[0][0] <= most, spans))
    if blocks[at].end <= (shown[-1][1] if shown else 0):
        return [*lead, *shown]
    if is_steps and blocks[at].end - spans[0][0] <= 2 * most:
        return [*lead, *(span for span in spans if span[0] <= blocks[at].start)]
    return own


def _list_around(blocks: Sequence[Block], at: int) -> tuple[int, int]:
    """The first and last block of the list around an item; between steps that count on, text belongs to them."""
    first = last = at
    while first > 0 and (before := _item_before(blocks, first)) is not None:
        first = before
    while last + 1 < len(blocks) and (following := _item_after(blocks, last)) is not None:
        last = following
    return first, last


_MOST_BETWEEN = 4


def _item_before(blocks: Sequence[Block], at: int) -> int | None:
    if blocks[at].kind in _LISTED and blocks[at].number == 1 and not blocks[at].indent:
        return None
    if blocks[at - 1].kind in _LISTED and blocks[at].start - blocks[at - 1].end <= MOST_SPACE:
        return at - 1
    number = blocks[at].number
    near = range(at - 1, max(-1, at - 1 - _MOST_BETWEEN), -1)
    return next((n for n in near if number > 1 and blocks[n].number == number - 1), None)


def _item_after(blocks: Sequence[Block], at: int) -> int | None:
    following = blocks[at + 1]
    if following.kind in _LISTED and following.start - blocks[at].end <= MOST_SPACE:
        return None if following.number == 1 and not following.indent else at + 1
    number = max((block.number for block in blocks[max(0, at - _MOST_BETWEEN) : at + 1] if not block.indent), default=0)
    near = range(at + 1, min(len(blocks), at + 1 + _MOST_BETWEEN))
    return next((n for n in near if number and blocks[n].number == number + 1 and not blocks[n].indent), None)


def _are_entries(blocks: Sequence[Block], section: Section) -> bool:
    """Whether the items of a numbered list each say something of what they begin with, and are no steps."""
    items = [block for block in blocks if block.kind is BlockKind.STEP]
    named = sum(bool(LINE.fullmatch(ITEM.sub("", section.quote(block.start, block.end), count=1))) for block in items)
    return 2 * named > len(items)


def _with_items_below(blocks: Sequence[Block], at: int) -> list[tuple[int, int]]:
    below = takewhile(lambda block: block.kind in _LISTED and block.indent > blocks[at].indent, blocks[at + 1 :])
    return [(block.start, block.end) for block in (blocks[at], *below)]


def _lead(blocks: Sequence[Block], at: int, section: Section, bounds: Bounds) -> list[tuple[int, int]]:
    """The sentence that leads to a block, with its paragraph where that is short."""
    before = blocks[at - 1] if at > 0 else None
    if (
        before is None
        or before.kind is not BlockKind.PARAGRAPH
        or not _leads_on(section.quote(before.start, before.end))
    ):
        return []
    if before.end - before.start <= bounds.lead:
        return [(before.start, before.end)]
    return [_sentences(before, section)[-1]]


def _paragraph(
    blocks: Sequence[Block],
    at: int,
    candidate: Candidate,
    section: Section,
    bounds: Bounds,
    *,
    near: Mapping[int, float],
) -> list[tuple[int, int]]:
    """A paragraph's sentences around a candidate, and what it leads to."""
    block = blocks[at]
    text = section.quote(block.start, block.end)
    if LINE.fullmatch(candidate.text) and "\n" in text:
        return [(candidate.start, candidate.end)]
    spans = [(block.start, block.end)]
    if block.end - block.start > bounds.paragraph:
        spans = _window(block, candidate, section, bounds.paragraph, near)
    if at + 1 == len(blocks) or not _leads_on(text) or spans[-1][1] < block.end:
        return spans
    following = blocks[at + 1]
    if following.kind in _LISTED:
        return [*spans, *_below(blocks[at + 1 : _list_around(blocks, at + 1)[1] + 1], bounds)]
    rows = takewhile(lambda each: each.kind is following.kind, blocks[at + 1 :])
    is_text = following.kind is BlockKind.PARAGRAPH
    return [*spans, *([(following.start, following.end)] if is_text else _below(list(rows), bounds))]


def _below(blocks: Sequence[Block], bounds: Bounds) -> list[tuple[int, int]]:
    """Items, rows or code that a paragraph leads to: whole where they are short, else from the first on."""
    most = bounds.steps if blocks[0].kind in (BlockKind.STEP, BlockKind.CODE) else bounds.listed
    shown = list(takewhile(lambda block: block.end - blocks[0].start <= most, blocks)) or blocks[:1]
    return [(block.start, block.end) for block in shown]


def _window(
    block: Block, candidate: Candidate, section: Section, most: int, near: Mapping[int, float]
) -> list[tuple[int, int]]:
    """The sentences of a long paragraph around the candidate: those it refers back to, then the better neighbor."""
    sentences = _sentences(block, section)
    first = last = next(n for n, (_, end) in enumerate(sentences) if end > candidate.start)
    while first > 0 and _REFERS_BACK.match(section.quote(*sentences[first])):
        if sentences[last][1] - sentences[first - 1][0] > most:
            break
        first -= 1
    while True:
        is_room_before = first > 0 and sentences[last][1] - sentences[first - 1][0] <= most
        is_room_behind = last + 1 < len(sentences) and sentences[last + 1][1] - sentences[first][0] <= most
        before = near.get(sentences[first - 1][0], -1.0) if is_room_before else None
        behind = near.get(sentences[last + 1][0], 0.0) if is_room_behind else None
        if before is not None and before > (behind or 0.0):
            first -= 1
        elif behind is not None:
            last += 1
        else:
            return [(sentences[first][0], max(candidate.end, sentences[last][1]))]


def _sentences(block: Block, section: Section) -> list[tuple[int, int]]:
    found = split_sentences(section.text, block.start - section.start, block.end - section.start)
    return [(start + section.start, end + section.start) for start, end in found]


def _leads_on(text: str) -> bool:
    return text.rstrip().endswith(":")


def _without_filler_blocks(candidate: Candidate, section: Section) -> list[Block]:
    """The blocks of a section that may answer; the candidate's own is kept, which is the best there is."""
    kept: list[Block] = []
    is_below_pointer = False
    for block in section.blocks():
        is_item = block.kind in _LISTED
        text = section.quote(block.start, block.end)
        is_said = block.kind in (BlockKind.ROW, BlockKind.CODE) or not is_filler(text, candidate.passage)
        if not is_item:
            is_below_pointer = not is_said and _leads_on(text)
        is_own = block.start <= candidate.start < block.end
        if is_own or (is_said and not (is_item and is_below_pointer)):
            kept.append(block)
    return kept


def _without_filler(spans: Sequence[tuple[int, int]], candidate: Candidate, section: Section) -> list[tuple[int, int]]:
    """Spans without the sentences that answer nothing, or lead to what is not quoted; neighbors as one."""
    sentences = [
        (first + section.start, last + section.start)
        for start, end in spans
        for first, last in split_sentences(section.text, start - section.start, end - section.start)
    ]
    kept = [
        (start, end)
        for start, end in sentences
        if start <= candidate.start < end or not is_filler(section.quote(start, end), candidate.passage)
    ]
    while len(kept) > 1 and _leads_on(section.quote(*kept[-1])) and kept[-1][0] != candidate.start:
        kept.pop()
    joined: list[tuple[int, int]] = []
    for start, end in kept or [(candidate.start, candidate.end)]:
        if joined and not section.quote(joined[-1][1], start).strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
