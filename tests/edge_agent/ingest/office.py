"""Office documents of a few bytes, written part by part, for the tests of their parsers."""

import io
import zipfile

from edge_agent.ingest.parsing.blocks import Extract

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SPACES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": _OFFICE,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "v": "urn:schemas-microsoft-com:vml",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    }.items()
)


def pack(parts: dict[str, bytes | str]) -> bytes:
    """A zip archive of parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def part(root: str, xml: str) -> str:
    """An XML part with the namespaces of OOXML."""
    return f"<{root} {_SPACES}>{xml}</{root}>"


def relations(**targets: str) -> str:
    """The relations of a part: id by target; the kind is the target's name up to a digit or dot."""
    listed = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in ((name, value.split(":", 1)) for name, value in targets.items())
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{listed}</Relationships>'
    )


def make_word(body: str, *, content_type: str = _WORD, links: dict[str, str] | None = None, **parts: str) -> bytes:
    """A Word document of a body and the inner XML of other parts, as `styles` or `numbering`."""
    roots = {"header1": "hdr", "header2": "hdr", "footer1": "ftr", "chart1": "c:chartSpace", "data1": "dgm:dataModel"}
    made: dict[str, bytes | str] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/word/document.xml" ContentType="{content_type}"/></Types>',
        "_rels/.rels": relations(a="officeDocument:word/document.xml"),
        "word/document.xml": part("w:document", f"<w:body>{body}</w:body>"),
        "word/_rels/document.xml.rels": relations(
            **{name: f"{name.rstrip('0123456789')}:{name}.xml" for name in parts}, **(links or {})
        ),
    }
    for name, xml in parts.items():
        root = roots.get(name, name)
        made[f"word/{name}.xml"] = part(root if ":" in root else f"w:{root}", xml)
    return pack(made)


def p(text: str, style: str = "", more: str = "") -> str:
    """A paragraph of Word: text, or runs where it begins with a tag."""
    runs = text if text.startswith("<") else r(text)
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{more}</w:pPr>{runs}</w:p>"


def r(text: str, properties: str = "") -> str:
    """A run of Word."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def tbl(*rows: list[str], properties: str = "") -> str:
    """A table of Word: each cell a text, or its XML where it begins with a tag."""
    made = ""
    for row in rows:
        cells = "".join(cell if cell.startswith("<w:t") else f"<w:tc>{p(cell)}</w:tc>" for cell in row)
        made += f"<w:tr>{cells}</w:tr>"
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{made}</w:tbl>"


def tc(text: str, properties: str = "") -> str:
    """A cell of Word with its properties."""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"


def shown(made: Extract) -> list[str]:
    """The blocks of a document, in short: `#` before a heading, its level above one counted."""
    return [
        ("#" * block.level + " " if block.kind == "heading" else "") + made.text[block.start : block.end]
        for block in made.blocks
    ]
