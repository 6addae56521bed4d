"""Panels: text that a page does not show at once and people reach by a click, told from text meant for nobody.

A panel has a control that points at it, a role, a rule or a script that opens it, or stands right behind a button, a
summary or a question. What is hidden without any of these is left out.
"""

import re
from collections.abc import Iterator
from itertools import islice

from lxml import html

from edge_agent.ingest.parsing.markup.look import look_of
from edge_agent.ingest.parsing.markup.style import StyleSheet
from edge_agent.ingest.parsing.questions import is_question

_POINTING = frozenset(
    "aria-controls aria-owns aria-details aria-describedby href data-target data-bs-target data-toggle-target "
    "data-collapse data-accordion data-panel data-tab data-toggle data-mfp-src data-fancybox data-modal-target "
    "data-collapse-toggle data-accordion-target data-tabs-target data-dropdown-toggle popovertarget commandfor".split()
)
_BEHAVIORS = frozenset("collapse tab pill dropdown modal tooltip popover button list offcanvas".split())
_EVENTS = frozenset(("onclick", "onchange", "onmouseover", "onfocus", "onkeypress"))
_ROLES = frozenset(("tabpanel", "tooltip"))
_ACCORDION = re.compile(
    r"(?:^|[-_\s])(?:accordion|acordeon|collapsible|toggle|faqs?|tab-?panel|tab-?pane|spoiler|expand(?:er|able)?|"
    r"desplegable|pregunta|question|answer|respuesta|read-?more|leer-?mas|disclosure|details|dropdown)",
    re.IGNORECASE,
)
_SCRIPT_WORD = re.compile(r"[\"'`]([#.]?[\w-]{1,60})(?=[\"'`\s>.:,])")
_OPENING = re.compile(
    r"toggle|show|slide|display|hidden|visib|classList|addClass|removeClass|expand|open\b", re.IGNORECASE
)
_BY_CLASS = re.compile(r"ByClassName\(\s*[\"'`]([\w-]{2,60})")
_PANEL = re.compile(
    r"(?:^|[-_\s])(?:panel|body|content|contenido|collaps\w*|pane|inner|answer|respuesta|drawer)(?:$|[-_\s])", re.I
)
_TEXT_BLOCKS = frozenset(("p", "div", "ul", "ol", "dl", "dd", "section", "table", "pre", "blockquote"))
_MAX_SCRIPT_CHARS, _MAX_TEXT_CHARS = 500_000, 300
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


class Panels:
    """The controls of a page, and what they open."""

    def __init__(self, root: html.HtmlElement, sheet: StyleSheet) -> None:
        self._sheet, self._revealed = sheet, sheet.revealed
        self._pointed: set[str] = set()
        self._tabs: dict[str, html.HtmlElement] = {}
        self._paired: dict[html.HtmlElement, html.HtmlElement] = {}
        self._tabs_by_order: set[html.HtmlElement] = set()
        for element in root.iter():
            if element.tag == "script":
                self._read_script(element.text or "")
            elif element.attrib:
                self._read_control(element)
        self._pair_by_order(root)

    def label_of(self, panel: html.HtmlElement) -> html.HtmlElement | None:
        """The tab that opens a panel, None where no tab does."""
        return self._tabs.get(panel.get("id") or "") if panel not in self._paired else self._paired[panel]

    def is_tab(self, element: html.HtmlElement) -> bool:
        """Whether an element is the tab of a panel that is on the page."""
        if element in self._tabs_by_order:
            return True
        return any(element is tab for name in _targets(element) if (tab := self._tabs.get(name)) is not None)

    def is_reached(self, element: html.HtmlElement) -> bool:
        """Whether people reach a hidden element by a click or by pointing at it."""
        name, words = element.get("id") or "", (element.get("class") or "").split()
        names = {f".{word}" for word in words} | ({f"#{name}", name} if name else set())
        return (
            element.get("role") in _ROLES
            or not names.isdisjoint(self._pointed)
            or not names.isdisjoint(self._revealed)
            or self._is_behind_control(element)
        )

    def _is_behind_control(self, element: html.HtmlElement) -> bool:
        """Whether the element before it, or before what wraps it alone, is a control or a question."""
        for wrapped in (element, element.getparent()):
            if wrapped is None or wrapped.tag in ("body", "main", "html") or (wrapped.tail or "").strip():
                return False
            before = _before(wrapped)
            if before is not None:
                is_next = not (before.tail or "").strip()
                return is_next and (opens(before, wrapped) or self._take_turns(before, wrapped))
            if ((wrapped.getparent() is not None and wrapped.getparent().text) or "").strip():
                return False
        return False

    def _take_turns(self, heading: html.HtmlElement, panel: html.HtmlElement) -> bool:
        """Whether a heading and a hidden element stand above or below another such pair, as scripts open them."""
        above = [*islice(heading.itersiblings("*", preceding=True), 2)][::-1]
        below = [*islice(panel.itersiblings("*"), 2)]
        return heading.tag in _HEADINGS and any(
            [one.tag for one in pair] == [heading.tag, panel.tag]
            and any(look_of(one, self._sheet).is_off for one in islice(pair[1].iter("*"), 2))
            for pair in (above, below)
        )

    def _pair_by_order(self, root: html.HtmlElement) -> None:
        """Gives each panel that no tab points at the tab of its place, where there are as many of both."""
        known = set(self._tabs.values())
        tabs = [one for one in root.xpath(".//*[@role='tab']") if one not in known]
        panels = [one for one in root.xpath(".//*[@role='tabpanel']") if (one.get("id") or "") not in self._tabs]
        if tabs and len(tabs) == len(panels):
            self._paired = dict(zip(panels, tabs, strict=True))
            self._tabs_by_order = set(tabs)

    def _read_script(self, script: str) -> None:
        script = script[:_MAX_SCRIPT_CHARS]
        if _OPENING.search(script):
            self._pointed.update(_SCRIPT_WORD.findall(script))
            self._pointed.update(f".{name}" for name in _BY_CLASS.findall(script))

    def _read_control(self, element: html.HtmlElement) -> None:
        names = list(_targets(element))
        self._pointed.update(names)
        is_tab = element.get("role") == "tab" or (
            {element.get("data-toggle"), element.get("data-bs-toggle")} & {"tab", "pill"}
        )
        for name in names if is_tab else ():
            self._tabs.setdefault(name, element)
        for attribute, value in element.attrib.items():
            if attribute in _EVENTS:
                self._pointed.update(_SCRIPT_WORD.findall(value[:_MAX_SCRIPT_CHARS]))


def is_control(element: html.HtmlElement) -> bool:
    """Whether an element opens and closes something."""
    if element.get("aria-expanded") is not None or element.get("role") in ("button", "tab") or element.get("onclick"):
        return True
    if element.tag in ("button", "summary"):
        return True
    address = element.get("href", "#")
    return element.tag == "a" and (address in ("", "#", "#!") or address.startswith("javascript:"))


def _targets(element: html.HtmlElement) -> Iterator[str]:
    for attribute, value in element.attrib.items():
        if attribute in _POINTING and (attribute != "href" or value.startswith("#")) and len(value) <= _MAX_TEXT_CHARS:
            for name in value.split():
                if name not in _BEHAVIORS:
                    yield name.lstrip("#")


def _before(element: html.HtmlElement) -> html.HtmlElement | None:
    before = element.getprevious()
    while before is not None and (not isinstance(before.tag, str) or before.tag in ("br", "script", "style")):
        before = before.getprevious()
    return before


def opens(before: html.HtmlElement, panel: html.HtmlElement) -> bool:
    """Whether an element is the control or the question that the hidden element behind it belongs to."""
    text = _text(before)
    if not _PANEL.search(panel.get("class") or "") and panel.get("role") is None and _has_own_panel(before):
        return False
    for one in islice(before.iter(), 10):
        is_of_another = one.tag == "summary" and one is not before
        if isinstance(one.tag, str) and is_control(one) and not is_of_another and len(_text(one)) * 2 >= len(text):
            others = set(_targets(one))
            return not others or panel.get("id") in others
    if _PANEL.search(before.get("class") or "") and not _PANEL.search(panel.get("class") or ""):
        return is_question(text)  # a panel itself
    words = " ".join(one.get("class") or "" for one in (before, panel, panel.getparent()) if one is not None)
    if _ACCORDION.search(words) or (before.tag == "dt" and panel.tag == "dd"):
        return True
    return is_question(text)


def _has_own_panel(before: html.HtmlElement) -> bool:
    """Whether an element holds a control, a heading or a question, and other blocks of text that these are of."""
    has_label = False
    for one in islice(before.iter("*"), 1, 100):
        if not has_label:
            has_label = one.tag in _HEADINGS or is_control(one) or is_question(_text(one))
            label = one
        elif one.tag in _TEXT_BLOCKS and not any(outer is label for outer in one.iterancestors()) and _text(one):
            return True
    return False


def _text(element: html.HtmlElement) -> str:
    """The first characters of an element's text."""
    return " ".join("".join(islice(element.itertext(), 50)).split())[: _MAX_TEXT_CHARS + 1]
