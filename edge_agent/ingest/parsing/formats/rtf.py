"""Rich text (.rtf) to text and blocks: groups, control words and code pages, in one pass over the bytes."""

import re
from dataclasses import replace

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.office.merging import add_extract, is_page_number
from edge_agent.ingest.parsing.office.rtf_codes import (
    CHARACTERS,
    DESTINATIONS,
    FLOWS,
    FOOTERS,
    HEADERS,
    LEFT_OUT,
    STARRED,
    SYMBOL_CODES,
    SYMBOLS,
    decode,
    encoding_of_page,
    is_half,
)
from edge_agent.ingest.parsing.office.rtf_flow import CellLayout, Flow, ParagraphLook
from edge_agent.ingest.parsing.office.rtf_tables import GroupState, RtfTables
from edge_agent.ingest.parsing.office.symbols import symbol
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.settings import ParsingLimits

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\", re.DOTALL
)
_MAX_DEPTH, _MAX_CELLS = 1_000, 10_000
_MAX_TINY = 3  # half points


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and blocks of rich text.

    Raises:
        InputInvalid: groups nested deeper than any program writes them.
    """
    return _Parser(content).read()


class _Parser:
    """Follows the groups of a document: their properties, and the flow of text that each goes on with."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._builder = TextBuilder()
        self._state = GroupState()
        self._stack: list[GroupState] = []
        self._flows = [Flow(TextBuilder())]
        self._edges: dict[str, list[Extract]] = {"header": [], "footer": []}
        self._tables = RtfTables()
        self._encoding, self._default_font = "cp1252", 0
        self._bytes = bytearray()
        self._to_skip, self._high = 0, 0
        self._is_starred = self._is_group_start = False
        self._layouts: dict[bool, list[CellLayout]] = {False: [], True: []}
        self._cell = CellLayout()
        self._is_header_row = False
        self._title: list[str] = []

    def read(self) -> Extract:
        """The whole document."""
        position = 0
        while position < len(self._content) and (token := _TOKEN.match(self._content, position)) is not None:
            position = token.end()
            word, parameter, code, sign, brace, text = token.groups()
            if code is not None:
                self._add_byte(int(code, 16))
                continue
            if text is not None:
                self._add_text(text)
                continue
            self._flush()
            if brace == b"{":
                self._open()
            elif brace == b"}":
                if not self._stack:
                    break
                self._close()
            elif word is not None:
                number = None if parameter is None else int(parameter)
                if word == b"bin":
                    position += max(0, number or 0)
                else:
                    self._control(word.decode("ascii"), number)
            elif sign is not None:
                self._sign(sign.decode("latin-1"))
        self._flush()
        while self._stack:  # a document that was cut
            self._close()
        return self._finish()

    def _finish(self) -> Extract:
        body = self._flows[0]
        body.end(ParagraphLook())
        made = body.builder.build()
        for parts in (self._edges["header"], [made], self._edges["footer"]):
            seen: set[str] = set()
            for part in parts:
                if part is made or not (part.text in seen or is_page_number(part.text)):
                    add_extract(self._builder, part)
                seen.add(part.text)
        title = own_title("".join(self._title))
        return self._builder.build(title or self._builder.first_heading, date=self._tables.date())

    # Groups

    def _open(self) -> None:
        if len(self._stack) >= _MAX_DEPTH:
            raise InputInvalid(f"the document nests groups deeper than {_MAX_DEPTH}; save it again as .docx")
        self._stack.append(self._state)
        self._state = replace(self._state, begun_flow="")
        self._is_group_start, self._is_starred, self._to_skip = True, False, 0
        if self._state.destination in ("fonts", "styles"):
            self._tables.begin_entry()

    def _close(self) -> None:
        ended, self._state = self._state, self._stack.pop()
        self._to_skip, self._is_group_start = 0, False
        if not ended.begun_flow:
            return
        flow = self._flows.pop()
        flow.end(ended.look)
        made = flow.builder.build()
        if ended.begun_flow in HEADERS:
            self._edges["header"].append(made)
        elif ended.begun_flow in FOOTERS:
            self._edges["footer"].append(made)
        else:
            self._flows[-1].add_beside(made)

    def _begin_destination(self, word: str) -> None:
        """Decides what the text of a group is, by its first control word."""
        state = self._state
        is_left_out = word in LEFT_OUT or (self._is_starred and word not in STARRED)
        if state.destination == "left out" and word != "ud":
            return
        if is_left_out:
            state.destination = "left out"
        elif word in DESTINATIONS and (word not in ("title", "creatim", "revtim") or state.destination == "info"):
            state.destination = DESTINATIONS[word]
        elif word in FLOWS and state.destination in ("", "nested"):
            state.begun_flow, state.destination, state.look = word, "", ParagraphLook()
            self._flows.append(Flow(TextBuilder()))

    # Control words

    def _control(self, word: str, number: int | None) -> None:
        if self._is_group_start:
            self._is_group_start = False
            self._begin_destination(word)
        state = self._state
        if word == "u" and number is not None:
            self._add_unicode(number)
        elif state.destination == "left out":
            return
        elif word in CHARACTERS:
            self._say(CHARACTERS[word])
        elif word in ("ansicpg", "mac", "pc", "pca", "deff"):
            self._set_document(word, number)
        elif state.destination in ("fonts", "colors", "styles", "created", "changed"):
            self._tables.set(state.destination, word, number or 0)
        elif not (self._set_characters(word, number) or self._set_paragraph(word, number or 0)):
            self._end(word, number)

    def _set_document(self, word: str, number: int | None) -> None:
        if word == "deff":
            self._default_font = number or 0
            return
        page = {"mac": 10000, "pc": 437, "pca": 850}.get(word, number or 1252)
        self._encoding = encoding_of_page(page)

    def _set_characters(self, word: str, number: int | None) -> bool:
        """Whether a control word was a property of characters."""
        state, is_on = self._state, number != 0
        match word:
            case "f":
                font = self._tables.font(number or 0)
                state.encoding, state.font = font.encoding, font.name
            case "plain":
                font = self._tables.font(self._default_font)
                state.encoding, state.font = font.encoding, font.name
                state.is_hidden = state.is_deleted = state.is_white = state.is_marked = state.is_tiny = False
            case "v":
                state.is_hidden = is_on
            case "deleted":
                state.is_deleted = is_on
            case "cf":
                state.is_white = self._tables.is_white(number or 0)
            case "fs":
                state.is_tiny = 0 < (number or 24) <= _MAX_TINY
            case "highlight" | "cb" | "chcbpat" | "chshdng":
                state.is_marked = bool(number)
            case "uc":
                state.skipped_after_unicode = max(0, min(number or 0, 10))
            case _:
                return False
        return True

    def _set_paragraph(self, word: str, number: int) -> bool:
        """Whether a control word was a property of paragraphs, or of rows of tables."""
        look = self._state.look
        match word:
            case "pard":
                look = ParagraphLook()
            case "s":
                named = self._tables.style(number)
                look = replace(
                    look,
                    outline=named.outline,
                    is_title=named.is_title,
                    is_contents=named.is_contents,
                    style_depth=named.style_depth,
                )
            case "outlinelevel":
                look = replace(look, outline=number if 0 <= number < 9 else None)
            case "intbl":
                look = replace(look, is_in_table=True)
            case "itap":
                look = replace(look, is_in_table=number > 0, table_level=max(1, number))
            case "ls":
                look = replace(look, is_listed=0 < number < 2000)
            case "ilvl":
                look = replace(look, depth=max(1, min(number + 1, 9)))
            case "li":
                look = replace(look, indent=number)
            case _:
                return self._set_row(word, number)
        self._state.look = look
        return True

    def _set_row(self, word: str, number: int) -> bool:
        """Whether a control word was a property of rows of tables."""
        is_nested = self._state.destination == "nested"
        match word:
            case "trowd":
                self._layouts[is_nested], self._cell, self._is_header_row = [], CellLayout(), False
            case "trhdr":
                self._is_header_row = True
            case "clvmgf" | "clvmrg" | "clmrg":
                self._cell.begins_down |= word == "clvmgf"
                self._cell.goes_on_down |= word == "clvmrg"
                self._cell.goes_on_across |= word == "clmrg"
            case "cellx":
                self._cell.edge = number
                if len(self._layouts[is_nested]) < _MAX_CELLS:
                    self._layouts[is_nested].append(self._cell)
                self._cell = CellLayout()
            case _:
                return False
        return True

    def _end(self, word: str, number: int | None) -> None:
        look, flow = self._state.look, self._flows[-1]
        match word:
            case "par" | "sect":
                flow.end_paragraph(look)
            case "cell":
                flow.end_cell(replace(look, table_level=1))
            case "nestcell":
                flow.end_cell(replace(look, table_level=max(2, look.table_level)))
            case "row":
                flow.end_row(self._layouts[False], 1, is_header=self._is_header_row)
            case "nestrow":
                flow.end_row(self._layouts[True], max(2, look.table_level), is_header=self._is_header_row)

    # Text

    def _sign(self, sign: str) -> None:
        if sign == "*":
            self._is_starred = True
        elif sign in "\r\n":
            self._control("par", None)
        elif sign in SYMBOLS:
            if self._to_skip:
                self._to_skip -= 1
            else:
                self._say(SYMBOLS[sign])

    def _add_byte(self, code: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        else:
            self._bytes.append(code)

    def _add_text(self, text: bytes) -> None:
        self._is_group_start = False
        skipped = min(self._to_skip, len(text))
        self._to_skip -= skipped
        text = text[skipped:]
        encoding = self._state.encoding or self._encoding
        if self._bytes and text and is_half(bytes(self._bytes), encoding):
            self._bytes.append(text[0])
            text = text[1:]
        self._flush()
        if text:
            self._say(text.decode("ascii") if text.isascii() and encoding != SYMBOL_CODES else self._decode(text))

    def _flush(self) -> None:
        if self._bytes:
            content = bytes(self._bytes)
            self._bytes.clear()
            self._say(self._decode(content))

    def _decode(self, content: bytes) -> str:
        encoding = self._state.encoding or self._encoding
        if encoding == SYMBOL_CODES:
            return "".join(symbol(self._state.font, code) for code in content)
        return decode(content, encoding)

    def _add_unicode(self, number: int) -> None:
        code = number & 0xFFFF
        self._to_skip = self._state.skipped_after_unicode
        if 0xD800 <= code < 0xDC00:
            self._high = code
            return
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((self._high - 0xD800) << 10) + (code - 0xDC00) if self._high else 0x20
        self._high = 0
        self._say(chr(code))

    def _say(self, text: str) -> None:
        state, flow = self._state, self._flows[-1]
        match state.destination:
            case "" | "nested":
                is_white = state.is_white and not (state.is_marked or state.look.is_in_table or len(self._flows) > 1)
                if state.is_hidden or state.is_tiny or is_white:
                    self._builder.hide(text if not state.is_deleted else "")
                elif not state.is_deleted:
                    flow.text.append(text)
            case "label":
                flow.label += text
            case "hidden":
                self._builder.hide(text)
            case "title":
                self._title.append(text)
            case "fonts" | "styles" | "colors":
                self._tables.add_name(state.destination, text)
