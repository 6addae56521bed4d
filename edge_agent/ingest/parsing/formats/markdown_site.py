"""Tags that site generators put among Markdown: left out, their text kept, before the Markdown is read.

Shortcodes (Hugo, Jekyll), containers and imports (Docusaurus), admonitions and tabs (MkDocs), alerts (GitHub).
"""

import re
from collections.abc import Iterator

from edge_agent.ingest.parsing.blocks import TextBuilder

_SIGNS = (*tuple("{% {{< {{% {/* {: ::: !!! ??? [! === [TOC] [toc] [[_TOC_]] [[toc]]".split()), "import ", "export ")
_FENCE = re.compile(r"[ ]{0,8}(```+|~~~+)")
_COMMENTS = (
    (re.compile(r"\{%-?\s{0,9}comment\s{0,9}-?%\}"), re.compile(r"\{%-?\s{0,9}endcomment\s{0,9}-?%\}")),
    (re.compile(r"\{/\*"), re.compile(r"\*/\}")),
)
_TAG = re.compile(r"(`+[^`\n]*`+)|\{\{[%<][^{}]{0,1000}[%>]\}\}|\{%[^{}%]{0,1000}%\}|[ ]*\{:[ .#\w][^{}\n]{0,200}\}")
_CONTAINER = re.compile(
    r"^([ ]*):{3,}[ ]*(?:[\w-]+[ ]*(?:\{[^{}\n]*\})?[ ]*(?:\[([^\]\n]*)\]|([^\n]*)))?$", re.MULTILINE
)
_IMPORT = re.compile(
    r"^import[ ](?:[\w{}*,$ ]+[ ]from[ ]+)?['\"][^'\"\n]+['\"];?[ ]*$|^export[ ]+(?:const|default)[ ][^\n]*$",
    re.MULTILINE,
)
_ALERT = re.compile(r"^([ ]*>[> ]*)\[!(\w{3,20})\][+-]?[ \t]*([^\n]*)$", re.MULTILINE)
_CONTENTS = re.compile(r"^[ ]*(?:\[TOC\]|\[\[_?TOC_?\]\]|\$\{toc\})[ ]*$", re.MULTILINE | re.IGNORECASE)
_ADMONITION = re.compile(
    r"([ ]*)(?:!!!|\?\?\?\+?|===[+!]?)[ ]+(?:([\w-]+)[ ]*)?(?:[\w-]+[ ]+)*(?:\"([^\n]*)\"[ ]*)?\n?$"
)


def without_site_tags(text: str, builder: TextBuilder) -> str:
    """A document without the tags of its site's generator, whose comments are counted; code is left as it is."""
    if not any(sign in text for sign in _SIGNS):
        return text
    return "".join(part if is_code else _cleaned(part, builder) for part, is_code in _divided(_unfolded(text)))


def _cleaned(text: str, builder: TextBuilder) -> str:
    for begin, end in _COMMENTS:
        text = "".join(_outside(text, begin, end, builder))
    text = _TAG.sub(lambda found: found[1] or "", text)
    text = _CONTENTS.sub("", _IMPORT.sub("", text))
    text = _ALERT.sub(lambda found: f"{found[1]}{found[2].capitalize()}: {found[3]}", text)
    return _CONTAINER.sub(lambda found: f"\n{found[1]}{found[2] or found[3] or ''}\n", text)


def _outside(text: str, begin: re.Pattern[str], end: re.Pattern[str], builder: TextBuilder) -> Iterator[str]:
    """The parts of a text that stand in no comment; one that never ends is none."""
    place = 0
    while (opened := begin.search(text, place)) and (closed := end.search(text, opened.end())):
        yield text[place : opened.start()]
        builder.hide(text[opened.start() : closed.end()])
        place = closed.end()
    yield text[place:]


def _unfolded(text: str) -> str:
    """A text where what is indented below an admonition or a tab stands below its title, as an ordinary block."""
    lines: list[str] = []
    fence = ""
    indents: list[int] = []  # of the admonitions that are open
    for line in text.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        while indents and line.strip() and indent < indents[-1] + 4:
            indents.pop()
        mark = _FENCE.match(line.lstrip(" "))
        found = None if fence else _ADMONITION.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        if found and (found[2] or found[3]):
            title = found[3] if found[3] is not None else found[2].capitalize()
            lines.append(f"\n{line[:indent][4 * len(indents) :]}{title}\n\n")
            indents.append(indent)
        else:
            lines.append(line[min(4 * len(indents), indent) :])
    return "".join(lines)


def _divided(text: str) -> Iterator[tuple[str, bool]]:
    """A text's parts and whether each is fenced code."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if found and not fence:
            yield "".join(lines), False
            lines, fence = [line], found[1]
        elif found and found[1].startswith(fence) and not line.strip(" `~\n"):
            yield "".join([*lines, line]), True
            lines, fence = [], ""
        else:
            lines.append(line)
    yield "".join(lines), bool(fence)
