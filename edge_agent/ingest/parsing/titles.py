"""Titles: which of those that a document states is its own, not what a program wrote by itself; else its name."""

import re
from pathlib import PurePosixPath

_DEFAULT = re.compile(
    r"""(?: (?:microsoft\ )?(?:word|excel|powerpoint|office|google\ docs)
            (?:\ (?:document|presentation|template|workbook))?
          | (?:documento?|presentation|presentaci[oó]n|book|libro|sheet|hoja|slide|diapositiva|diapositive|folie|page
              |p[aá]gina|plantilla|template|dibujo|drawing|draft|borrador|doc|file|archivo|scan|escaneo
              |copia|copy|new|nuevo)\ ?\d*
          | (?:documento|presentaci[oó]n|plantilla|libro|hoja\ de\ c[aá]lculo)\ de\ (?:microsoft\ )?
              (?:word|powerpoint|excel|office|google)
          | (?:new|nuevo|nueva)\ (?:microsoft\ \w+\ )?(?:document|documento?|presentation|presentaci[oó]n)\W*\d*
          | (?:(?:untitled|unnamed|unknown|unspecified|anonymous|sin\ t[ií]tulo|sin\ nombre|desconocido|none|null|n/?a
              |no\ title|title|t[ií]tulo)(?:\ (?:document|presentation|spreadsheet|page))?[\ \-_]?\d*)
          | (?:documento|presentaci[oó]n|hoja\ de\ c[aá]lculo|p[aá]gina|carpeta)\ sin\ t[ií]tulo.*
          | (?:title|t[ií]tulo)\ (?:of|del?|for)\ .{0,20}(?:document|documento|presentation|presentaci[oó]n|page)
          | normal(?:\.dotm?)?
          | (?:haga\ )?(?:clic|click)\ (?:here|to|aqu[ií]|para)\b.*
        )""",
    re.IGNORECASE | re.VERBOSE,
)
_BY_PROGRAM = re.compile(r"(?:microsoft|libreoffice|openoffice) ?(?:word|excel|powerpoint|writer|office)? ?-", re.I)
_FILE = re.compile(
    r"(?:.*[\\/])?[^\\/]*\.(?:docx?|docm|dotx?|dotm|rtf|odt|ott|odp|ods|pdf|pptx?|potx?|xlsx?|xlsm|csv|txt|md|html?|"
    r"xhtml|tex|dvi|e?ps|indd|qxd|pub|pages|key|wpd|tmp|ai|cdr|fm|jpe?g|png|tiff?)"
    r"|[a-z]:\\.*|file:.*",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"_|(?<=[^\W\d])-+(?=[^\W\d])|(?<=[^\W\d]{4})-+(?=\d)")


def own_title(stated: str | None) -> str | None:
    """A title that a document states among its properties; None where it states none or a program's default.

    `Word Document`, `Documento1`, `Microsoft Word - Tarifas.doc`, `untitled`, `(anonymous)` and names of files say
    nothing of the document, and would be shown and searched with each of its passages.
    """
    title = " ".join((stated or "").split())
    bare = title.strip("()[]<>\"'.-_ ")
    if not any(character.isalpha() for character in bare):
        return None
    if _DEFAULT.fullmatch(bare) or _BY_PROGRAM.match(title) or _FILE.fullmatch(bare):
        return None
    return title


def title_from_name(source: str) -> str:
    """A title for a document that has none: the name of its file without suffix, with spaces for its separators.

    `normas/gestion_de-tickets.pdf` is called `gestion de tickets`, `tarifas-2026.pdf` `tarifas 2026`. Dates and codes
    such as `2026-05-01` and `PX-7714` stay.
    """
    stem = PurePosixPath(source).stem
    return " ".join(_SEPARATOR.sub(" ", stem.replace("%20", " ")).split()) or stem
