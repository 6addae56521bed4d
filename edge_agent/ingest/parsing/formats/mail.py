"""Mail (EML): subject, sender, recipients and the text that its reader sees; what is attached becomes attachments.

Of a body given twice, as text and as a page, one is read: the page where it has structure to keep, else the text.
Outlook's own format (MSG) is parsed by `outlook.py`.
"""

import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from edge_agent.characters import normalize
from edge_agent.errors import AgentError, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Attachment, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text, is_utf_16
from edge_agent.ingest.parsing.letter import MAX_ATTACHMENTS, Letter, add_letter, clean_name, name_of_message
from edge_agent.settings import ParsingLimits

MAX_PARTS, MAX_DEPTH = 1_000, 20
_MAX_HEAD_CHARS = 20_000
_UUENCODED = re.compile(r"^begin [0-7]{3,4} (\S[^\n]{0,200})\n((?:[ -`]{1,62}\n)*?)[` ]?\n?end$", re.MULTILINE)
_STRUCTURE = re.compile(r"<(?:table|ul|ol|h[1-6]|dl|pre)\b", re.IGNORECASE)
_TNEF, _CALENDAR, _SIGNATURES = "application/ms-tnef", "text/calendar", ("pgp-signature", "pkcs7-signature")
_OPAQUE = ("application/pkcs7-mime", "application/x-pkcs7-mime")


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and attachments of a mail.

    Raises:
        InputInvalid: no mail, or one without anything to read.
        FormatUnsupported: it is encrypted.
    """
    if is_utf_16(content):
        content = decode_text(content)[0].encode()
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(
            content
        )  # the later ones fail at heads that break rules
    except (MessageError, ValueError, RecursionError, LookupError) as error:
        raise InputInvalid("the document cannot be read as a mail; save it again from the mail program") from error
    if not any(_head(message, name) for name in ("From", "To", "Subject", "Date", "Content-Type", "Message-ID")):
        raise InputInvalid("the document has no head of a mail; expected From, To, Subject or Date at its top")
    return add_letter(_Walk(limits).read(message), limits)


class _Walk:
    """Goes through the parts of a mail, bounded in depth, count and size."""

    def __init__(self, limits: ParsingLimits) -> None:
        self._letter = Letter()
        self._parts, self._left = 0, limits.bytes

    def read(self, message: Message) -> Letter:
        """The mail."""
        letter = self._letter
        letter.subject, letter.sender = _head(message, "Subject"), _head(message, "From")
        letter.recipients = [name for line in ("To", "Cc") for name in _addresses(_head(message, line))]
        letter.date = _date(_head(message, "Date"))
        self._part(message, depth=0, is_related=False)
        return letter

    def _part(self, part: Message, *, depth: int, is_related: bool) -> None:
        self._parts += 1
        if depth > MAX_DEPTH or self._parts > MAX_PARTS:
            self._letter.notices.append(f"parts past {MAX_PARTS}, or nested deeper than {MAX_DEPTH}, were left out")
            return
        kind = part.get_content_type()
        if kind in _OPAQUE and part.get_param("smime-type") != "certs-only":
            raise FormatUnsupported("the mail is encrypted or signed as a whole; save its text without encryption")
        if kind == "multipart/encrypted":
            raise FormatUnsupported("the mail is encrypted; save its text without encryption")
        if kind == "message/rfc822" or (kind == "message/global" and part.is_multipart()):
            self._attach_message(part)
        elif part.is_multipart():
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            if kind == "multipart/alternative":
                children = _preferred(children)
            for child in children:
                inside = is_related or kind == "multipart/related"
                self._part(child, depth=depth + 1, is_related=inside)
        else:
            self._leaf(part, kind, is_related=is_related)

    def _leaf(self, part: Message, kind: str, *, is_related: bool) -> None:
        name = _file_name(part)
        is_body = part.get_content_disposition() != "attachment" and kind in ("text/plain", "text/html") and not name
        if is_body:
            text = _text(part)
            if kind == "text/html":
                self._letter.pages.append(text)
            else:
                self._letter.texts.append(self._without_uuencoded(text))
        elif kind == _TNEF or name.lower() == "winmail.dat":
            self._letter.notices.append("an attachment in Outlook's own packing (winmail.dat) was left out")
        elif kind == _CALENDAR:
            self._letter.notices.append("an invitation to a calendar was left out")
        elif kind.endswith(_SIGNATURES) or (kind.startswith("image/") and (is_related or part.get("Content-ID"))):
            return  # a signature's key or picture
        else:
            payload = part.get_payload(decode=True)
            self._attach(name or _default_name(kind), payload if isinstance(payload, bytes) else b"")

    def _attach_message(self, part: Message) -> None:
        payload = part.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else None
        if isinstance(inner, Message):
            try:
                content = inner.as_bytes(policy=policy.compat32)
            except (MessageError, ValueError, LookupError, KeyError):
                content = inner.as_string(policy=policy.compat32).encode(errors="replace")
            self._attach(name_of_message(_head(inner, "Subject")), content)

    def _attach(self, name: str, content: bytes) -> None:
        if not content:
            return
        if len(self._letter.attachments) >= MAX_ATTACHMENTS or len(content) > self._left:
            self._letter.notices.append(f"attachments past {MAX_ATTACHMENTS}, or too large together, were left out")
            return
        self._left -= len(content)
        self._letter.attachments.append(Attachment(clean_name(name), content))

    def _without_uuencoded(self, text: str) -> str:
        """A text without the files that old programs wrote into it, which are attached."""

        def attach(found: re.Match[str]) -> str:
            self._attach(found[1], _uudecoded(found[2]))
            return ""

        return _UUENCODED.sub(attach, text)


def _preferred(alternatives: Sequence[Message]) -> list[Message]:
    """The one of some alternatives that is read: the page where it has structure, else the text; one with a body."""

    def has(part: Message, kind: str) -> bool:
        return any(inner.get_content_type() == kind for inner in part.walk()) and bool(_first_text(part, kind).strip())

    pages = [part for part in alternatives if has(part, "text/html")]
    texts = [part for part in alternatives if has(part, "text/plain") and part not in pages]
    if pages and (not texts or _STRUCTURE.search(_first_text(pages[-1], "text/html"))):
        chosen = [pages[-1]]
    else:
        chosen = texts[:1] or pages[-1:]
    others = [part for part in alternatives if part not in pages and part not in texts]
    return [*chosen, *others]


def _first_text(part: Message, kind: str) -> str:
    return next((_text(inner) for inner in part.walk() if inner.get_content_type() == kind), "")


def _text(part: Message) -> str:
    """A part's text, whatever charset it says it has."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if not content.strip():
        return ""
    try:
        return decode_text(content, str(part.get_content_charset() or "") or None)[0]
    except AgentError:
        return normalize(content.decode("utf-8", errors="replace"))


def _file_name(part: Message) -> str:
    try:
        return _decoded(str(part.get_filename() or ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _default_name(kind: str) -> str:
    endings = {"text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf", "text/csv": ".csv"}
    return f"attachment{endings.get(kind, '.bin')}"


def _head(message: Message, name: str) -> str:
    """A line of the head, decoded (RFC 2047, or 8-bit as old programs write it); the first of several."""
    found = (value for key, value in message.raw_items() if key.lower() == name.lower())
    return _decoded(str(next(found, ""))[:_MAX_HEAD_CHARS])


def _decoded(value: str) -> str:
    parts = []
    try:
        if not value.isascii():
            value = decode_text(value.encode("utf-8", errors="surrogateescape"))[0]
        for part, charset in decode_header(value):
            parts.append(part if isinstance(part, str) else decode_text(part, charset)[0] if part else "")
    except (AgentError, MessageError, ValueError, LookupError):
        parts = [value]
    return normalize(" ".join("".join(parts).split()))


def _addresses(value: str) -> list[str]:
    """The recipients of a line, each by name and address; a comma inside quotes divides nobody."""
    names, is_quoted = [""], False
    for part in re.split('([",])', value):
        is_quoted ^= part == '"'
        if part == "," and not is_quoted:
            names.append("")
        else:
            names[-1] += part
    return [name.strip() for name in names if name.strip()]


def _date(value: str) -> datetime | None:
    """The moment that a head states, by the clock of who wrote it."""
    try:
        return parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _uudecoded(lines: str) -> bytes:
    parts = []
    for line in lines.splitlines():
        try:
            parts.append(binascii.a2b_uu(line))
        except (binascii.Error, ValueError):
            continue
    return b"".join(parts)
