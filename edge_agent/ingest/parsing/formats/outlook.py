"""Outlook's messages (MSG, [MS-OXMSG]): properties in the streams of a compound file, read through olefile."""

import io
import struct
from datetime import UTC, datetime, timedelta

import olefile

from edge_agent.characters import normalize
from edge_agent.errors import AgentError, InputInvalid
from edge_agent.ingest.parsing.blocks import Attachment, Extract
from edge_agent.ingest.parsing.compound_file import DAMAGE
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.formats.outlook_rtf import html_of_rtf, unpack_rtf
from edge_agent.ingest.parsing.letter import (
    MAX_ATTACHMENTS,
    Letter,
    add_letter,
    clean_name,
    name_of_message,
    pack_letter,
)
from edge_agent.settings import ParsingLimits

_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = "0C1A", "0C1F", "5D01"
_RECIPIENT, _RECIPIENT_SMTP, _RECIPIENT_ADDRESS = "3001", "39FE", "3003"
_LONG_NAME, _NAME, _DATA, _CONTENT_ID, _MIME = "3707", "3704", "3701", "3712", "370E"
_DATES = (0x0E06, 0x0039, 0x3007)
"""Delivered, sent, made: properties of type time."""
_EMBEDDED = "__substg1.0_3701000D"
_MAX_RECIPIENTS, _MAX_DEPTH = 50, 5
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and attachments of a mail that Outlook saved. Raises `InputInvalid`."""
    return add_letter(_read(content, limits), limits)


def _read(content: bytes, limits: ParsingLimits) -> Letter:
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            storage = _Storage(file, [], limits.bytes)
            if not storage.has("__properties_version1.0"):
                raise InputInvalid("the document is no mail of Outlook; expected a file saved as .msg")
            return _letter(storage, limits, depth=0)
    except DAMAGE as error:
        raise InputInvalid(
            "the document cannot be read as a mail of Outlook; save it again, as .msg or .eml"
        ) from error


class _Storage:
    """A folder of the compound file: a message, a recipient or an attachment, with its properties."""

    def __init__(
        self, file: "olefile.OleFileIO", path: list[str], left: int, folders: list[list[str]] | None = None
    ) -> None:
        self._file, self._path, self._left = file, path, left
        self._folders: list[list[str]] = file.listdir(streams=False, storages=True) if folders is None else folders

    def has(self, name: str) -> bool:
        return bool(self._file.exists([*self._path, name]))

    def inside(self, prefix: str, most: int) -> list["_Storage"]:
        """The folders in this one whose names begin so, in order."""
        depth = len(self._path)
        folders = (path for path in self._folders if path[:depth] == self._path)
        names = sorted({path[depth] for path in folders if len(path) > depth and path[depth].startswith(prefix)})
        return [_Storage(self._file, [*self._path, name], self._left, self._folders) for name in names[:most]]

    def stream(self, name: str) -> bytes:
        """A stream's bytes; none where it is missing or larger than a document may be."""
        path = [*self._path, name]
        if not self._file.exists(path) or self._file.get_type(path) != olefile.STGTY_STREAM:
            return b""
        if self._file.get_size(path) > self._left:
            return b""
        with self._file.openstream(path) as stream:
            return bytes(stream.read())

    def text(self, *properties: str) -> str:
        """The first of some properties of text that says anything."""
        for name in properties:
            if wide := self.stream(f"__substg1.0_{name}001F"):
                return normalize(wide.decode("utf-16-le", errors="replace")).rstrip("\0 ")
            if narrow := self.stream(f"__substg1.0_{name}001E"):
                return _decoded(narrow, self._codepage())
        return ""

    def binary(self, name: str) -> bytes:
        """A property of bytes."""
        return self.stream(f"__substg1.0_{name}0102")

    def number(self, wanted: int) -> int:
        """A property of fixed size as a number of eight bytes; 0 where there is none."""
        table = self.stream("__properties_version1.0")
        for start in range(len(table) % 16, len(table) - 15, 16):
            tag, _, value = struct.unpack_from("<IIQ", table, start)
            if tag >> 16 == wanted:
                return int(value)
        return 0

    def _codepage(self) -> str | None:
        number = _Storage(self._file, [], self._left, self._folders).number(0x3FFD) & 0xFFFF
        return {0: None, 65001: "utf-8", 20127: "ascii", 28591: "iso-8859-1"}.get(number, f"cp{number}")


def _letter(storage: _Storage, limits: ParsingLimits, *, depth: int) -> Letter:
    letter = Letter(subject=" ".join(storage.text(_SUBJECT).split()))
    letter.sender = _person(storage, (_SENDER,), (_SENDER_SMTP, _SENDER_ADDRESS))
    people = storage.inside("__recip_version1.0_", _MAX_RECIPIENTS)
    named = (_person(one, (_RECIPIENT,), (_RECIPIENT_SMTP, _RECIPIENT_ADDRESS)) for one in people)
    letter.recipients = [name for name in named if name]
    letter.date = next((said for name in _DATES if (said := _date(storage.number(name)))), None)
    page = storage.binary(_HTML)
    rtf = unpack_rtf(storage.binary(_RTF), at_most=limits.bytes)
    if page:
        letter.pages.append(_decoded(page, None))
    elif body := html_of_rtf(rtf):
        letter.pages.append(body)
    elif text := storage.text(_BODY):
        letter.texts.append(text)
    elif rtf:
        letter.notices.append("a body in rich text was left out; save the mail as .eml to have it read")
    left = limits.bytes
    for number, attached in enumerate(storage.inside("__attach_version1.0_", MAX_ATTACHMENTS + 1)):
        attachment = _attachment(attached, letter, limits, depth)
        if attachment is None:
            continue
        if number >= MAX_ATTACHMENTS or len(attachment.content) > left:
            letter.notices.append(f"attachments past {MAX_ATTACHMENTS}, or too large together, were left out")
            break
        left -= len(attachment.content)
        letter.attachments.append(attachment)
    return letter


def _attachment(storage: _Storage, letter: Letter, limits: ParsingLimits, depth: int) -> Attachment | None:
    if embedded := storage.inside(_EMBEDDED, 1):
        if depth >= _MAX_DEPTH:
            letter.notices.append(f"mails inside mails, deeper than {_MAX_DEPTH}, were left out")
            return None
        inner = _letter(embedded[0], limits, depth=depth + 1)
        return Attachment(name_of_message(inner.subject), pack_letter(inner))
    is_picture = storage.text(_MIME).lower().startswith("image/")
    if is_picture and storage.text(_CONTENT_ID):
        return None  # of the page, such as a signature's logo
    content = storage.binary(_DATA)
    return Attachment(clean_name(storage.text(_LONG_NAME, _NAME, _RECIPIENT)), content) if content else None


def _person(storage: _Storage, names: tuple[str, ...], addresses: tuple[str, ...]) -> str:
    """A name and an address, as mails show them; an address of Exchange's own is none."""
    name = " ".join(storage.text(*names).split())
    address = next((text for one in addresses if "@" in (text := storage.text(one))), "")
    return f"{name} <{address}>" if name and address and name != address else name or address


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return decode_text(content.rstrip(b"\0"), charset)[0]
    except AgentError:
        return normalize(content.decode("cp1252", errors="replace")).rstrip("\0 ")


def _date(ticks: int) -> datetime | None:
    """The moment of a time in tenths of microseconds since 1601; None for none that a mail can have."""
    try:
        moment = _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
    return moment if 1980 <= moment.year <= 2200 else None
