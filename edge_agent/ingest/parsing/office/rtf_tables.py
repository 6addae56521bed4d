"""State of rich text: the properties of a group, and the tables of fonts, colors and styles that these refer to."""

from dataclasses import dataclass, field

from edge_agent.ingest.parsing.office.rtf_codes import encoding_of_charset, encoding_of_page
from edge_agent.ingest.parsing.office.rtf_flow import ParagraphLook
from edge_agent.ingest.parsing.office.word_styles import (
    heading_level,
    is_contents_name,
    is_title_name,
    list_depth,
)

_MAX_ENTRIES, _MAX_NAME_CHARS = 10_000, 100
_CHANNELS, _DAY = ("red", "green", "blue"), ("yr", "mo", "dy")


@dataclass(slots=True)
class GroupState:
    """The properties that a group begins with and its end restores."""

    destination: str = ""
    encoding: str | None = None
    font: str = ""
    skipped_after_unicode: int = 1
    is_hidden: bool = False
    is_deleted: bool = False
    is_white: bool = False
    is_tiny: bool = False
    is_marked: bool = False
    look: ParagraphLook = field(default_factory=ParagraphLook)
    begun_flow: str = ""
    """The name of the flow that this group began; "" where it goes on with its parent's."""


@dataclass(slots=True)
class Entry:
    """A font or a style: its number, name, and the encoding or outline level that it means."""

    number: int = 0
    name: str = ""
    encoding: str | None = None
    outline: int | None = None


class RtfTables:
    """Reads the tables, entry by entry, and says what their numbers mean in the text."""

    def __init__(self) -> None:
        self._fonts: dict[int, Entry] = {}
        self._styles: dict[int, ParagraphLook] = {}
        self._colors: list[list[int]] = [[0, 0, 0]]
        self._entry = Entry()
        self._dates: dict[str, list[int]] = {"changed": [0, 0, 0], "created": [0, 0, 0]}

    def font(self, number: int) -> Entry:
        """A font by its number; one without name and encoding where there is none."""
        return self._fonts.get(number, Entry())

    def style(self, number: int) -> ParagraphLook:
        """The looks of a style by its number."""
        return self._styles.get(number, ParagraphLook())

    def is_white(self, number: int) -> bool:
        """Whether a color is white."""
        return 0 <= number < len(self._colors) and min(self._colors[number]) >= 0xFA

    def date(self) -> str:
        """The day when the document was last changed, else when it was written, `YYYY-MM-DD`; "" for neither."""
        for year, month, day in self._dates.values():
            if 1980 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31:
                return f"{year:04}-{month:02}-{day:02}"
        return ""

    def begin_entry(self) -> None:
        """Begins an entry, at the beginning of its group."""
        self._entry = Entry()

    def set(self, table: str, word: str, number: int) -> None:
        """Reads a control word in a table: `fonts`, `styles`, `colors`, or the dates `changed` and `created`."""
        entry = self._entry
        if table == "colors" and word in _CHANNELS:
            self._colors[-1][_CHANNELS.index(word)] = number
        elif table in self._dates and word in _DAY:
            self._dates[table][_DAY.index(word)] = number
        elif word == {"fonts": "f", "styles": "s"}.get(table):
            entry.number = number
        elif word in ("cs", "ts", "ds"):
            entry.number = -1
        elif word == "fcharset":
            entry.encoding = encoding_of_charset(number)
        elif word == "cpg" and number:
            entry.encoding = encoding_of_page(number)
        elif word == "outlinelevel":
            entry.outline = number

    def add_name(self, table: str, text: str) -> None:
        """Reads text in a table: names, each ended by a semicolon."""
        for number, part in enumerate(text.split(";")):
            if number:
                self._end_entry(table)
            self._entry.name = (self._entry.name + part)[:_MAX_NAME_CHARS]

    def _end_entry(self, table: str) -> None:
        entry, self._entry = self._entry, Entry()
        if table == "colors":
            if len(self._colors) < _MAX_ENTRIES:
                self._colors.append([0, 0, 0])
        elif table == "fonts" and len(self._fonts) < _MAX_ENTRIES:
            self._fonts[entry.number] = entry
        elif table == "styles" and entry.number >= 0 and len(self._styles) < _MAX_ENTRIES:
            name = entry.name.strip().lower()
            outline = heading_level(name) if entry.outline is None else entry.outline
            self._styles[entry.number] = ParagraphLook(
                outline=outline if outline is not None and 0 <= outline < 9 else None,
                is_title=is_title_name(name),
                is_contents=is_contents_name(name),
                style_depth=list_depth(name),
            )
