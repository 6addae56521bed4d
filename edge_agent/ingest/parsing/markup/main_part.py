"""The main part of a page: which elements are the site's (menus, banners, footers), and where the document is.

The choice goes by the share of text, so that a teaser in an `article` never replaces the page around it.
"""

import re

from lxml import html

_MIN_SHARE = 0.5
_MAX_FURNITURE_SHARE = 0.3
_FEW_CHARS = 400
SILENT = frozenset(
    "script style template noscript iframe object embed svg canvas audio video head select datalist option annotation "
    "annotation-xml noframes map title meta link param track source".split()
)
"""Elements whose text people never see, or not as text."""
_CONTENT_TAGS = frozenset(("article", "main", "section", "blockquote", "td", "figure"))
_SITE_ROLES = frozenset(("navigation", "search", "menubar", "menu"))
_MENU = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|navegacion|menu|menus|topnav|sidenav|sidebar|breadcrumbs?|migas|migas-de-pan|"
    r"pagination|paginacion|share|sharing|compartir|social|related|relacionad[oa]s|tagcloud|toc|catlinks|mw-portlet)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_CRUMBS = re.compile(r"(?:^|[\s_-])(?:breadcrumbs?|migas|skip-?(?:link|nav|to-\w+)s?)(?:$|[\s_-])", re.IGNORECASE)
_COOKIES = re.compile(
    r"(?:cookie|consent|gdpr|rgpd|lopd|cmp|privacy)[\w-]*?(?:banner|bar|notice|popup|modal|overlay|aviso|mensaje|message|"
    r"law|wall|dialog|layer|box|container|info|alert)|onetrust|cookiebot|didomi|(?:aviso|banner|barra)[\w-]*cookies?",
    re.IGNORECASE,
)
_FOOTER = re.compile(
    r"(?:^|\s)(?:(?:site|page|main|global)-?)?footer(?:$|\s)|(?:^|\s)pie(?:-de-pagina)?(?:$|\s)", re.IGNORECASE
)
_SKIP_TEXT = re.compile(r"(?:skip|jump|saltar|ir)\s+(?:to|al?)\b.{0,40}(?:conten|main|naveg|navig)", re.IGNORECASE)
_ANCHOR_TEXT = frozenset("# ¶ § 🔗 ⚓".split())
_EDIT_CLASSES = frozenset("mw-editsection headerlink anchor-link header-anchor heading-anchor anchorjs-link".split())
_MENU_TAGS = frozenset("div ul ol section p span td table form".split())
_MAIN = ".//main | .//*[@role='main'] | .//article | .//*[@id='content' or @id='main' or @id='main-content']"


class MainPart:
    """The document in a page.

    Attributes:
        root: the element that holds it.
        title: an `h1` outside of it, where it has none itself.
    """

    def __init__(self, page: html.HtmlElement) -> None:
        """Chooses it. A page of nothing but menus is kept whole."""
        body = page.find("body")
        self.root: html.HtmlElement = page if body is None else body
        self.title: html.HtmlElement | None = None
        self._measures = _measure(self.root)
        self._whole_chars = self._chars(self.root)
        self._furniture: set[html.HtmlElement] = set()
        self._find_furniture(self.root)
        left = self._chars_left()
        if left[self.root] < min(_FEW_CHARS, self._whole_chars * _MAX_FURNITURE_SHARE):
            self._furniture, left = set(), {self.root: self._whole_chars}
        least = left[self.root] * _MIN_SHARE
        for candidate in self.root.xpath(_MAIN):
            if least <= left.get(candidate, self._chars(candidate)) and not self._is_inside_furniture(candidate):
                self.root = candidate  # the innermost one: the tree is read from outside
        heads = [] if body is None or self.root is body else list(body.iter("h1"))
        if len(heads) == 1 and self.root.find(".//h1") is None:
            self.title = heads[0]

    def is_left_out(self, element: html.HtmlElement) -> bool:
        """Whether an element is the site's, not the document's."""
        return element in self._furniture

    def _find_furniture(self, root: html.HtmlElement) -> None:
        waiting = [root]
        while waiting:
            for element in waiting.pop().iterchildren("*"):
                if self._is_furniture(element):
                    self._furniture.add(element)
                elif len(element):
                    waiting.append(element)

    def _chars_left(self) -> dict[html.HtmlElement, int]:
        """The characters of the elements that hold some of what is the site's, without it."""
        left = {self.root: self._whole_chars}
        for element in self._furniture:
            for outer in element.iterancestors():
                left[outer] = left.get(outer, self._chars(outer)) - self._chars(element)
        return left

    def _is_inside_furniture(self, element: html.HtmlElement) -> bool:
        return any(one in self._furniture for one in (element, *element.iterancestors()))

    def _is_furniture(self, element: html.HtmlElement) -> bool:
        tag, role = element.tag, element.get("role", "")
        name = f"{element.get('class', '')} {element.get('id', '')}"
        if tag == "nav" or role in _SITE_ROLES:
            is_furniture = self._chars(element) < _FEW_CHARS or self._link_share(element) > 0.3
        elif tag == "footer" or role == "contentinfo" or (tag in ("div", "section", "table") and _FOOTER.search(name)):
            is_furniture = not _is_in_content(element) and self._is_small(element)
        elif tag == "header" or role == "banner":
            is_furniture = not _is_in_content(element) and not self._says_something(element)
        elif tag == "aside" or role == "complementary":
            is_beside = not _is_in_content(element) and _MENU.search(name) is not None
            is_furniture = is_beside or self._link_share(element) > 0.5
        elif tag == "td" and self._is_menu_cell(element):
            is_furniture = True
        else:
            is_furniture = self._is_named_furniture(element, name) or (tag == "a" and _is_anchor(element))
        return is_furniture

    def _is_named_furniture(self, element: html.HtmlElement, name: str) -> bool:
        """Whether an element is the site's by its class or id, and by what is in it."""
        if name == " ":
            return False
        if element.tag in _MENU_TAGS and _MENU.search(name):
            is_menu = self._is_small(element) and self._link_share(element) > 0.7
            return is_menu or _CRUMBS.search(name) is not None
        if element.tag in ("div", "section", "dialog") and _COOKIES.search(name):
            return self._is_small(element) or self._chars(element) < 3_000
        return not _EDIT_CLASSES.isdisjoint(name.split())

    def _is_menu_cell(self, cell: html.HtmlElement) -> bool:
        """Whether a cell of a table that places things on the page holds nothing but links, beside the text."""
        if self._link_share(cell) < 0.95 or sum(1 for _ in cell.iter("a")) < 2 or not self._is_small(cell):
            return False
        row = cell.getparent()
        cells = [] if row is None else [one for one in row.iterchildren("td") if one is not cell]
        return any(
            one.find(".//p") is not None and self._link_share(one) < 0.5 and self._chars(one) > self._chars(cell)
            for one in cells
        )

    def _chars(self, element: html.HtmlElement) -> int:
        return self._measures[element][0] if element in self._measures else 0

    def _link_share(self, element: html.HtmlElement) -> float:
        """The share of an element's text that is in links and buttons."""
        chars, in_links = self._measures[element]
        return in_links / chars if chars else 1.0

    def _is_small(self, element: html.HtmlElement) -> bool:
        return self._chars(element) <= max(self._whole_chars * _MAX_FURNITURE_SHARE, _FEW_CHARS)

    def _says_something(self, header: html.HtmlElement) -> bool:
        """Whether a page's header holds a heading or a sentence besides its logo and menus."""
        return any(self._chars(one) and self._link_share(one) < 0.5 for one in header.iter("h1", "h2", "p"))


def _measure(root: html.HtmlElement) -> dict[html.HtmlElement, tuple[int, int]]:
    """The characters of each element's text, spaces not counted, and how many of them are in links and buttons."""
    totals: dict[html.HtmlElement, tuple[int, int]] = {}
    for element in reversed(list(root.iter("*"))):  # what is inside comes before what it is in
        chars = in_links = 0
        if element.tag not in SILENT:
            chars = _length(element.text)
            for child in element:
                inner = totals.get(child, (0, 0))
                chars += inner[0] + _length(child.tail)
                in_links += inner[1]
            if element.tag in ("a", "button"):
                in_links = chars
        totals[element] = (chars, in_links)
    return totals


def _length(text: str | None) -> int:
    return sum(map(len, text.split())) if text else 0


def _is_in_content(element: html.HtmlElement) -> bool:
    return any(one.tag in _CONTENT_TAGS or one.get("role") == "main" for one in element.iterancestors())


def _is_anchor(link: html.HtmlElement) -> bool:
    """Whether a link is a heading's own address, or skips the menus."""
    if not link.get("href", "").startswith("#"):
        return False
    text = " ".join("".join(link.itertext()).split())
    return text in _ANCHOR_TEXT or (len(text) < 80 and _SKIP_TEXT.match(text) is not None)
