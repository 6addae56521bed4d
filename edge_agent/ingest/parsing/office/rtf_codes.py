"""Control words and encodings of rich text: which groups are text, which stand for a character, code pages of fonts."""

import codecs

LEFT_OUT = frozenset(
    "pict sp fldinst bkmkstart bkmkend xe tc rxe tcl listtable listoverridetable revtbl rsidtbl generator themedata "
    "colorschememapping datastore latentstyles xmlnstbl mmath filetbl pgptbl template nonesttables shprslt nonshppict "
    "pntxta pntxtb pnseclvl upr fchars lchars userprops docvar wgrffmtfilter atrfstart atrfend atndate atnid atnauthor "
    "atntime atnref atnicn ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn objdata objclass private panose falt "
    "datafield formfield".split()
)
HEADERS = frozenset("header headerl headerr headerf".split())
FOOTERS = frozenset("footer footerl footerr footerf".split())
FLOWS = frozenset(("footnote", "shptxt", "dptxbxtext", *HEADERS, *FOOTERS))
STARRED = frozenset(
    "shpinst shptxt do dptxbxtext ud cs ds ts annotation nesttableprops pntext listtext footnote".split()
)
"""Destinations that are read although programs that do not know them may skip them."""


DESTINATIONS = {
    "fonttbl": "fonts",
    "colortbl": "colors",
    "stylesheet": "styles",
    "info": "info",
    "title": "title",
    "creatim": "created",
    "revtim": "changed",
    "listtext": "label",
    "pntext": "label",
    "annotation": "hidden",
    "nesttableprops": "nested",
    "ud": "",
}
CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "lbr": "\n",
    "page": "\n",
    "column": "\n",
    "emdash": "—",
    "endash": "–",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
}
SYMBOLS = {"~": "\u00a0", "_": "-", "{": "{", "}": "}", "\\": "\\"}
SYMBOL_CODES = "symbol"
_CHARSETS = {
    2: SYMBOL_CODES,
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    255: "cp437",
}
_DOUBLE = frozenset(("cp932", "cp949", "johab", "gbk", "big5", "cp936", "cp950"))


def encoding_of_charset(charset: int) -> str | None:
    """The encoding that a font's character set means; None where it is the document's."""
    return _CHARSETS.get(charset)


def encoding_of_page(page: int) -> str:
    """The encoding of a code page, Windows-1252 where there is none of that number."""
    name = {65001: "utf-8", 10000: "mac_roman", 936: "gbk", 950: "big5"}.get(page, f"cp{page}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name


def decode(content: bytes, encoding: str) -> str:
    """Bytes as text; those that are none, as spaces."""
    return content.decode(encoding, "replace").replace("\ufffd", " ")


def is_half(content: bytes, encoding: str) -> bool:
    """Whether the last of these bytes is the first of two that make a character."""
    if encoding not in _DOUBLE:
        return False
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    decoder.decode(content[-64:])
    return bool(decoder.getstate()[0])
