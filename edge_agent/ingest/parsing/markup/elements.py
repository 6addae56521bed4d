"""Elements that are more than their text: headings, lists, definitions, controls, links, pictures."""

from lxml import html

from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, TextBuilder
from edge_agent.ingest.parsing.markup.inline import address_in, alternative
from edge_agent.ingest.parsing.markup.look import Surroundings
from edge_agent.ingest.parsing.markup.main_part import MainPart
from edge_agent.ingest.parsing.markup.panels import is_control
from edge_agent.ingest.parsing.markup.table_rows import read_table
from edge_agent.ingest.parsing.markup.walker import HEADINGS, OpenList, Read, Walker
from edge_agent.ingest.parsing.questions import is_question

_INLINE_PARENTS = frozenset("p li td th span label dd b strong em".split())


def add_page(builder: TextBuilder, page: html.HtmlElement, *, is_whole: bool = False) -> None:
    """Adds the document in a page.

    Args:
        builder: is told the blocks.
        page: its root.
        is_whole: whether menus, banners and footers are part of it, as in a mail or a part of a page.
    """
    part = None if is_whole else MainPart(page)
    walker = Walker(builder, page, READERS, part)
    if part is not None and part.title is not None:
        builder.heading(walker.capture(part.title, Surroundings(), 0), 1)
    body = page.find("body")
    walker.read(part.root if part is not None else page if body is None else body)


def _read_heading(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.flush()
    text = walker.capture(element, around, depth)
    if walker.is_capturing:
        walker.add(text)
        walker.flush()
    elif text:
        level = HEADINGS.get(element.tag, QUESTION_LEVEL)
        walker.builder.heading(walker.take_number() + text, level)


def _read_summary(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.flush()
    text = walker.capture(element, around, depth)
    if walker.is_capturing:
        walker.add(text)
        walker.flush()
    else:
        walker.builder.heading(walker.take_number() + text, _summary_level(element))


def _summary_level(summary: html.HtmlElement) -> int:
    """The level of a summary: that of the heading in it, else right above those that it opens."""
    inner = next((HEADINGS[one.tag] for one in summary.iter(*HEADINGS)), None)
    below = summary.getparent()
    levels = [HEADINGS[one.tag] for one in below.iter(*HEADINGS)] if below is not None and inner is None else []
    return inner or (max(min(levels) - 1, 1) if levels else QUESTION_LEVEL)


def _read_pre(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.flush()
    text = walker.capture(element, around, depth, is_set=True)
    if walker.is_capturing:
        walker.add(text)
        walker.flush()
    else:
        walker.builder.paragraph(walker.take_number())
        walker.builder.code(text)


def _read_list(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.flush()
    opened = OpenList(None)
    if element.tag == "ol":
        is_reversed = "reversed" in element.attrib
        start = element.get("start", "").strip()
        items = sum(1 for _ in element.iterchildren("li")) if is_reversed else 1
        number = int(start) if start.lstrip("-").isdecimal() and len(start) < 10 else items
        opened = OpenList(number, -1 if is_reversed else 1, element.get("type", "1"))
    walker.lists.append(opened)
    walker.children(element, around, depth)
    walker.flush()
    walker.lists.pop()


def _read_item(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.start_item(walker.lists[-1].marker(element.get("value")) if walker.lists else "-")
    walker.children(element, around, depth)
    walker.end_item()


def _read_term(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.flush()
    text = " ".join(walker.capture(element, around, depth).split())
    if walker.is_capturing:
        walker.add(f"{text.rstrip(':')}: ")
    elif is_question(text) or any(is_control(one) for one in element.iterchildren("*")):
        walker.builder.heading(text, QUESTION_LEVEL)
    elif text:
        walker.terms.append(text.rstrip(" :"))


def _read_definition(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    if walker.is_capturing:
        walker.children(element, around, depth)
        walker.flush()
        return
    walker.flush()
    terms = walker.terms
    if walker.terms:
        walker.prefix, walker.terms = f"{', '.join(walker.terms)}: ", []
    walker.children(element, around, depth)
    walker.flush()
    walker.builder.paragraph(walker.prefix.rstrip(" :"))
    walker.prefix = ""
    following = element.getnext()
    if following is not None and following.tag == "dd":  # one term, defined more than once
        walker.terms = terms


def _read_definitions(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.block(element, around, depth)
    if not walker.is_capturing:
        walker.builder.paragraph(", ".join(walker.terms))
        walker.terms = []


def _read_button(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """A button inside of a heading or a sentence is words of it; one that stands by itself is a widget."""
    outer = element.getparent()
    is_in_text = outer is not None and outer.tag in _INLINE_PARENTS and _has_own_text(outer)
    if walker.is_capturing or is_in_text or element.find(".//p") is not None:
        walker.children(element, around, depth)
    else:
        walker.add(" ")


def _has_own_text(element: html.HtmlElement) -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _read_widget(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.add(" ")


def _read_break(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.add("\n")
    walker.children(element, around, depth)


def _read_link(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.children(element, around, depth)
    if around.is_seen:
        walker.add(address_in(element.get("href", ""), "".join(element.itertext())))


def _read_picture(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    text = alternative(element.get("alt"))
    if text and around.is_seen:
        walker.picture(text)


def _read_raised(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """A power stays apart from its number, and the number of a note from the word before it."""
    text = "".join(element.itertext()).strip()
    if element.find(".//a") is not None and text.strip("[]()").isalnum():
        walker.add(f"[{text.strip('[]()')}]" if around.is_seen else "")
    else:
        walker.add("^" if walker.ends_with_digit() and text[:1].isdigit() else "")
        walker.children(element, around, depth)


def _read_reading(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.add(" (")
    walker.children(element, around, depth)
    walker.add(") ")


def _read_quotation(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.add('"')
    walker.children(element, around, depth)
    walker.add('"')


def _read_bold(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    walker.bold(element, around, depth)


def _read_details(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """A summary holds for its panel, and ends with it."""
    walker.block(element, around, depth)
    summary = element.find("summary")
    if not walker.is_capturing and summary is not None:
        walker.builder.end_scope(_summary_level(summary))


def _read_section(walker: Walker, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """A question ends with the section that it heads."""
    walker.block(element, around, depth)
    first = next((one for one in element.iter(*HEADINGS)), None)
    if not walker.is_capturing and first is not None and is_question(" ".join("".join(first.itertext()).split())):
        walker.builder.end_scope(HEADINGS[first.tag])


READERS: dict[str, Read] = {
    **dict.fromkeys(HEADINGS, _read_heading),
    "summary": _read_summary,
    "details": _read_details,
    **dict.fromkeys(("section", "article"), _read_section),
    **dict.fromkeys(("b", "strong", "font"), _read_bold),
    "pre": _read_pre,
    **dict.fromkeys(("ol", "ul", "menu"), _read_list),
    "li": _read_item,
    "dl": _read_definitions,
    "dt": _read_term,
    "dd": _read_definition,
    "table": read_table,
    "button": _read_button,
    **dict.fromkeys(("input", "textarea", "progress", "meter", "rp"), _read_widget),
    "br": _read_break,
    "a": _read_link,
    "img": _read_picture,
    "sup": _read_raised,
    "rt": _read_reading,
    "q": _read_quotation,
}
