"""Text of drawings in Word and PowerPoint: shapes, diagrams (SmartArt) and charts, each from its own part."""

from collections.abc import Iterator

from lxml import etree

from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.grid import Cell, add_table
from edge_agent.ingest.parsing.office.symbols import without_private_use
from edge_agent.ingest.parsing.office.word_inline import MC, M, alternatives
from edge_agent.ingest.parsing.office.word_styles import number
from edge_agent.ingest.parsing.package import Package, Relation

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_SHOWN = frozenset(("node", "asst", ""))
_MAX_POINTS = 1_000


def paragraph_text(paragraph: etree._Element) -> str:
    """The text of an `a:p`, with its line breaks."""
    return without_private_use("".join(_texts(paragraph))).replace("\v", "\n")


def _texts(element: etree._Element) -> Iterator[str]:
    for child in element:
        if child.tag in (A + "t", M + "t"):
            yield child.text or ""
        elif child.tag == A + "br":
            yield "\n"
        elif child.tag == MC + "AlternateContent":
            for branch in alternatives(child):
                yield from _texts(branch)
        elif isinstance(child.tag, str) and not (child.tag == A + "fld" and child.get("type") == "slidenum"):
            yield from _texts(child)


def linked_parts(element: etree._Element) -> Iterator[tuple[str, str]]:
    """The diagrams and charts that a drawing shows: `diagram` or `chart`, and the id of the relation to its part."""
    for found in element.iter(_DGM + "relIds", _C + "chart"):
        is_diagram = found.tag == _DGM + "relIds"
        if reference := found.get(R + ("dm" if is_diagram else "id")):
            yield "diagram" if is_diagram else "chart", reference


def add_linked(
    builder: TextBuilder, package: Package, relations: dict[str, Relation], element: etree._Element, *, page: int = 0
) -> None:
    """Adds the text of the diagrams and charts that a drawing shows."""
    for kind, reference in linked_parts(element):
        relation = relations.get(reference)
        root = None if relation is None or relation.is_external else package.xml(relation.target)
        if root is not None and kind == "diagram":
            for text in diagram_texts(root):
                builder.item(text, page=page)
        elif root is not None:
            _add_chart(builder, root, page)


def diagram_texts(root: etree._Element) -> Iterator[str]:
    """The texts of a diagram's points, in order."""
    for point in root.iter(_DGM + "pt"):
        if point.get("type", "") in _SHOWN:
            lines = (paragraph_text(paragraph) for paragraph in point.iterfind(f"{_DGM}t/{A}p"))
            if text := " ".join(line for line in lines if line.strip()):
                yield text


def _add_chart(builder: TextBuilder, root: etree._Element, page: int) -> None:
    """Adds a chart: its title, and a row for each category with the value of each series."""
    titles = [" ".join(map(paragraph_text, title.iter(A + "p"))) for title in root.iter(_C + "title")]
    for title in titles:
        builder.paragraph(title, page=page)
    names: list[str] = []
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for series in root.iter(_C + "ser"):
        values = _points(series, _C + "val") or _points(series, _C + "yVal")
        names.append(next(iter(_points(series, _C + "tx").values()), ""))
        columns.append(values)
        categories.update(_points(series, _C + "cat") or _points(series, _C + "xVal"))
    if not any(categories.values()):
        for name in names:
            builder.paragraph(name, page=page)
        return
    rows = [[Cell(""), *(Cell(name) for name in names)]]
    for index in sorted(categories)[:_MAX_POINTS]:
        rows.append([Cell(categories[index]), *(Cell(column.get(index, "")) for column in columns)])
    add_table(builder, rows, header_rows=1, page=page)


def _points(series: etree._Element, tag: str) -> dict[int, str]:
    """The cached values of a series by their index."""
    found = series.find(tag)
    points = [] if found is None else found.iter(_C + "pt")
    made = {number(point.get("idx"), 0) or 0: _shown(point.findtext(_C + "v") or "") for point in points}
    if found is not None and not made and (text := found.findtext(_C + "v")):
        made[0] = text
    return made


def _shown(text: str) -> str:
    """A value as a chart shows it: `0.30000000000000004` is nobody's figure."""
    try:
        return f"{float(text):.10g}" if len(text) > 12 and "." in text else text
    except ValueError:
        return text
