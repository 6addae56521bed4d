"""Style sheets, as far as they hide text: the declarations of a page that apply to an element.

Selectors of tags, classes and ids are followed, one below another too. A rule for a state (`:hover`, `.open .panel`
by `:checked`), or for screens of another size, never hides here; what such a rule shows is text that a click reaches.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import html

_MAX_CSS_CHARS, _MAX_RULES, _MAX_CHECKS = 500_000, 5_000, 100_000
_PAINT = frozenset(("color", "background", "background-color", "background-image"))
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BRACE = re.compile(r"([{}])")
_COMPOUND = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][\w-]+)*)$", re.IGNORECASE)
_NAME = re.compile(r"([.#])([\w-]+)")
_SCREEN = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)\s*$|@supports|@layer|@container", re.IGNORECASE)
_KEPT = frozenset(
    "display visibility opacity font-size font color background background-color background-image background-clip "
    "-webkit-background-clip position left top right text-indent clip clip-path width height max-height overflow "
    "overflow-y text-decoration text-decoration-line transform transition animation animation-name mso-hide".split()
)
_SHOWN = {
    "display": re.compile(r"(?!none)"),
    "visibility": re.compile(r"visible"),
    "opacity": re.compile(r"1|0?\.[1-9]"),
    "max-height": re.compile(r"(?!0(?:px)?$)"),
    "height": re.compile(r"(?!0(?:px)?$)"),
}


@dataclass(frozen=True, slots=True)
class Compound:
    """A selector without spaces, as `div.note#top`."""

    tag: str
    classes: frozenset[str]
    ids: frozenset[str]

    def matches(self, element: html.HtmlElement) -> bool:
        """Whether an element has this tag and all of these classes and ids."""
        return (
            (not self.tag or self.tag == element.tag)
            and (not self.classes or self.classes <= set((element.get("class") or "").split()))
            and (not self.ids or self.ids == {element.get("id")})
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Declarations for elements that match `last`, inside of elements that match those before it."""

    weight: tuple[int, int, int, int]
    last: Compound
    outer: tuple[Compound, ...]
    declarations: Mapping[str, str]

    def applies(self, element: html.HtmlElement) -> bool:
        """Whether the rule is for an element."""
        if not self.last.matches(element):
            return False
        ancestors: Iterator[html.HtmlElement] = element.iterancestors()
        return all(any(compound.matches(ancestor) for ancestor in ancestors) for compound in reversed(self.outer))


@dataclass(slots=True)
class StyleSheet:
    """The rules of a page's own `style` elements.

    Attributes:
        revealed: classes (`.name`) and ids (`#name`) that a rule for a state or another screen shows.
        is_partial: whether styles may come from elsewhere too: linked sheets, and rules that are not followed here.
        is_contextual: whether what applies to an element depends on what it is in.
    """

    revealed: set[str] = field(default_factory=set)
    is_partial: bool = False
    is_contextual: bool = False
    _by_key: dict[str, list[Rule]] = field(default_factory=lambda: defaultdict(list))
    _count: int = 0
    _checks: int = 0
    _cache: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    def add(self, css: str) -> None:
        """Adds the text of a `style` element."""
        outer: list[str] = []
        parts = _BRACE.split(_COMMENT.sub("", css[:_MAX_CSS_CHARS]))
        for text, brace in zip(parts[::2], [*parts[1::2], ""], strict=True):
            if brace == "{":
                outer.append(text.rpartition(";")[2].strip())
            elif brace == "}" and outer:
                selectors = outer.pop()
                if selectors and not selectors.startswith("@"):
                    self._add_rules(selectors, declarations_of(text), outer)

    def of(self, element: html.HtmlElement) -> dict[str, str]:
        """The declarations that apply to an element, its own `style` included."""
        key = (element.tag, element.get("class") or "", element.get("id") or "", element.get("style") or "")
        known = self._cache.get(key)
        if known is not None:
            return known
        rules = [] if not self._count else sorted(self._candidates(*key[:3]), key=lambda rule: rule.weight)
        merged: dict[str, str] = {}
        for rule in rules:
            self._checks += bool(rule.outer)
            if (not rule.outer or self._checks <= _MAX_CHECKS) and rule.applies(element):
                merged |= rule.declarations
        if key[3]:
            merged |= declarations_of(key[3])
        if not any(rule.outer for rule in rules) and len(self._cache) < _MAX_RULES:
            self._cache[key] = merged
        return merged

    def _candidates(self, tag: str, classes: str, name: str) -> Iterator[Rule]:
        for key in (tag, *(f".{word}" for word in dict.fromkeys(classes.split())), f"#{name}"):
            yield from self._by_key.get(key, ())

    def _add_rules(self, selectors: str, declarations: dict[str, str], outer: list[str]) -> None:
        is_plain = all(_SCREEN.match(prelude) for prelude in outer)
        is_showing = any(name in _SHOWN and _SHOWN[name].match(value) for name, value in declarations.items())
        is_paint = not declarations.keys() - _PAINT
        for selector in selectors.split(","):
            words = selector.replace(">", " ").split()
            followed = [compound for compound in map(_compound, words) if compound is not None]
            is_followed = is_plain and bool(followed) and len(followed) == len(words) and self._count < _MAX_RULES
            if is_followed and not (is_paint and len(words) > 1):
                self._add_rule(followed, declarations)
                is_state = len(followed) + len(followed[-1].classes) + len(followed[-1].ids) > 2
            else:
                self.is_partial |= not _PAINT.isdisjoint(declarations)
                is_state = True
            if is_showing and is_state and words:
                self.revealed.update(f"{mark}{name}" for mark, name in _NAME.findall(words[-1]))

    def _add_rule(self, compounds: list[Compound], declarations: dict[str, str]) -> None:
        *outer, last = compounds
        self.is_contextual |= bool(outer)
        self._count += 1
        weight = (
            sum(len(compound.ids) for compound in compounds),
            sum(len(compound.classes) for compound in compounds),
            sum(bool(compound.tag) for compound in compounds),
            self._count,
        )
        names = [f"#{name}" for name in last.ids] or [f".{name}" for name in sorted(last.classes)] or [last.tag]
        self._by_key[names[0]].append(Rule(weight, last, tuple(outer), declarations))


def declarations_of(style: str) -> dict[str, str]:
    """The declarations of a `style` attribute or of a rule that can hide text, in lower case."""
    found = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        name = name.strip()
        if name in _KEPT and value:
            found[name] = value.replace("!important", "").strip()
    return found


def style_sheet_of(root: html.HtmlElement) -> StyleSheet:
    """The style sheet of a page."""
    sheet = StyleSheet()
    for element in root.iter("style", "link"):
        if element.tag == "link":
            sheet.is_partial |= "stylesheet" in (element.get("rel") or "").lower()
        elif (element.get("media") or "all").lower() in ("all", "screen"):
            sheet.add(element.text or "")
    return sheet


def _compound(selector: str) -> Compound | None:
    found = _COMPOUND.match(selector)
    if not selector or found is None:
        return None
    names = _NAME.findall(found[2])
    return Compound(
        (found[1] or "").lower(),
        frozenset(name for mark, name in names if mark == "."),
        frozenset(name for mark, name in names if mark == "#"),
    )
