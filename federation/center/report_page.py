"""Report pages that stand by themselves, pictures and style included."""

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } img { width: 100%; height: auto; margin-top: 1rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea; vertical-align: top }
td { overflow-wrap: anywhere } td:first-child { white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
"""


def page(title: str, *parts: str) -> bytes:
    """A page of parts that are HTML already, below its title, which is text."""
    title, body = html.escape(title), "\n".join(parts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>{_STYLE}</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
""".encode()


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, which are text."""
    cells = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text below its names; columns of numbers stand to the right."""
    rows = list(rows)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    kinds = [' class="number"' if column and all(map(_is_number, column)) else "" for column in columns]
    head = "".join(f"<th{kind}>{html.escape(name)}</th>" for kind, name in zip(kinds, names, strict=True))
    body = (
        "".join(f"<td{kind}>{html.escape(value)}</td>" for kind, value in zip(kinds, row, strict=True)) for row in rows
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{cells}</tr>' for cells in body)}</table>"


def section(heading: str, part: str) -> str:
    """A part of HTML below a heading, which is text."""
    return f"<h2>{html.escape(heading)}</h2>\n{part}"


def picture(png: bytes, what: str) -> str:
    """A picture, and in words what it shows."""
    return f'<img alt="{html.escape(what)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def to_png(draw: Callable[[Any], None], width: float, height: float) -> bytes:
    """What `draw` makes of a matplotlib figure of that size in inches."""
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
