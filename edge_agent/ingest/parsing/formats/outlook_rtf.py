"""Rich text in Outlook's mails: unpacked ([MS-OXRTFCP]), and the page that is wrapped in it ([MS-OXRTFEX])."""

import re
import struct

_PACKED, _PLAIN = 0x75465A4C, 0x414C454D
_WINDOW = 4096
_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans"
    rb" SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_TOKEN = re.compile(
    rb"\\(?P<word>[a-z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-z'])|(?P<brace>[{}])|"
    rb"(?P<text>[^\\{}\r\n]+)|[\r\n]|\\",
)
_SIGNS = {b"~": "\u00a0", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\"}
_BREAKS = {b"par": "\n", b"line": "\n", b"tab": "\t", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“"}
_BREAKS |= {b"rdblquote": "”", b"bullet": "•", b"endash": "–", b"emdash": "—"}
_SKIPPED = frozenset((b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pntext", b"mhtmltag", b"pict"))
_MAX_DEPTH = 500


def unpack_rtf(content: bytes, *, at_most: int) -> bytes:
    """The rich text of a property, up to a size; empty where it is none."""
    if len(content) < 16:
        return b""
    _, size, kind = struct.unpack_from("<III", content)
    if kind == _PLAIN:
        return content[16 : 16 + min(size, at_most)]
    if kind != _PACKED:
        return b""
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    place, out, start = len(_DICTIONARY), bytearray(), 16
    while start < len(content) and len(out) < at_most:
        control, start = content[start], start + 1
        for bit in range(8):
            if not control >> bit & 1:
                chunk, start = content[start : start + 1], start + 1
            else:
                reference, start = int.from_bytes(content[start : start + 2], "big"), start + 2
                offset, length = reference >> 4, (reference & 15) + 2
                if offset == place or start > len(content):
                    return bytes(out)
                chunk = b""
                for step in range(length):  # what it refers to may be what it is writing
                    byte = window[(offset + step) % _WINDOW]
                    window[(place + step) % _WINDOW] = byte
                    chunk += bytes((byte,))
            for step, byte in enumerate(chunk):
                window[(place + step) % _WINDOW] = byte
            place = (place + len(chunk)) % _WINDOW
            out += chunk
    return bytes(out)


def html_of_rtf(content: bytes) -> str:
    """The page that rich text was made from, as it was; empty where it was made from none."""
    if b"\\fromhtml" not in content[:500]:
        return ""
    found = re.search(rb"\\ansicpg(\d{1,5})", content[:500])
    charset = f"cp{int(found[1])}" if found else "cp1252"
    return "".join(_Page(charset).pieces(content))


class _Page:
    """Goes through rich text and keeps what belongs to the page: its tags, and text outside `htmlrtf`."""

    def __init__(self, charset: str) -> None:
        try:
            b"".decode(charset)
        except LookupError:
            charset = "cp1252"
        self._charset = charset
        self._bytes = bytearray()
        self._made: list[str] = []
        self._is_rtf_only, self._is_skipped, self._is_starred, self._unicode_left = False, False, False, 0

    def pieces(self, content: bytes) -> list[str]:
        """The page in pieces, in order."""
        states: list[tuple[bool, bool]] = []
        for token in _TOKEN.finditer(content):
            if token["brace"] == b"{":
                if len(states) >= _MAX_DEPTH:
                    break
                states.append((self._is_rtf_only, self._is_skipped))
            elif token["brace"] == b"}":
                self._is_rtf_only, self._is_skipped = states.pop() if states else (False, False)
            elif token["word"]:
                self._word(token["word"], token["number"])
            elif token["hex"]:
                self._add_bytes(bytes.fromhex(token["hex"].decode()))
            elif token["sign"]:
                self._add(_SIGNS.get(token["sign"], ""))
            elif token["text"]:
                self._add_bytes(token["text"])
            self._is_starred = token["sign"] == b"*"
        self._add("")
        return self._made

    def _word(self, word: bytes, number: bytes | None) -> None:
        if word == b"htmlrtf":
            self._is_rtf_only = number != b"0"
        elif word in _SKIPPED or (self._is_starred and word != b"htmltag"):
            self._is_skipped = True
        elif word == b"u" and number:
            self._add(chr(int(number) % 0x10000))
            self._unicode_left = 1  # what stands next is for programs that know no Unicode
        elif word in _BREAKS:
            self._add(_BREAKS[word])

    def _add_bytes(self, content: bytes) -> None:
        """Adds text in the code page of the mail; a character may be of two bytes."""
        content, self._unicode_left = content[self._unicode_left :], 0
        if not (self._is_rtf_only or self._is_skipped):
            self._bytes += content

    def _add(self, text: str) -> None:
        if self._bytes:
            self._made.append(self._bytes.decode(self._charset, errors="replace"))
            self._bytes.clear()
        if text and not (self._is_rtf_only or self._is_skipped):
            self._made.append(text)
