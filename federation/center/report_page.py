"""Report pages that stand by themselves, pictures and style included; the templates escape whatever is text."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } img { width: 100%; height: auto; margin-top: 1rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea; vertical-align: top }
td { overflow-wrap: anywhere } td:first-child { white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
"""
_TEMPLATES = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
_PAGE = _TEMPLATES.from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
{{ body }}
</body></html>
""")
_FACTS = _TEMPLATES.from_string(
    "<table>{% for name, value in rows %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</table>"
)
_TABLE = _TEMPLATES.from_string("""
{%- macro row(tag, values) -%}
<tr>{% for value in values %}<{{ tag }}{{ kinds[loop.index0] }}>{{ value }}</{{ tag }}>{% endfor %}</tr>
{%- endmacro -%}
<table>{{ row("th", names) }}{% for values in rows %}{{ row("td", values) }}{% endfor %}</table>""")
_SECTION = _TEMPLATES.from_string("<h2>{{ heading }}</h2>\n{{ part }}")
_PICTURE = _TEMPLATES.from_string('<img alt="{{ what }}" src="data:image/png;base64,{{ content }}">')
_NUMBER = Markup(' class="number"')


def page(title: str, *parts: str) -> bytes:
    """A page of parts that are HTML already, below its title, which is text."""
    return _PAGE.render(title=title, style=_html(_STYLE), body=_html("\n".join(parts))).encode()


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, which are text."""
    return _FACTS.render(rows=list(rows))


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text below its names; columns of numbers stand to the right."""
    rows = list(rows)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    kinds = [_NUMBER if column and all(map(_is_number, column)) else "" for column in columns]
    return _TABLE.render(names=names, kinds=kinds, rows=rows)


def section(heading: str, part: str) -> str:
    """A part of HTML below a heading, which is text."""
    return _SECTION.render(heading=heading, part=_html(part))


def picture(png: bytes, what: str) -> str:
    """A picture, and in words what it shows."""
    return _PICTURE.render(what=what, content=base64.b64encode(png).decode())


def to_png(draw: Callable[[Any], None], width: float, height: float) -> bytes:
    """Draws a matplotlib figure of that size in inches; returns its PNG."""
    import matplotlib as mpl  # noqa: PLC0415  (a second to import, and not needed where nothing is drawn)
    from matplotlib.figure import Figure  # noqa: PLC0415

    content = io.BytesIO()
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _html(part: str) -> Markup:
    """Marks what these functions have made, or the style above, as HTML that is not escaped again."""
    return Markup(part)  # noqa: S704
