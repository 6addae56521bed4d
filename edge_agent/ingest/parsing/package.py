"""Packages: office documents are zip archives of XML parts (OOXML, OpenDocument); they are opened safely here.

Nothing is unpacked to disk, no entity is expanded, nothing is fetched, and what comes out is bounded whatever the
archive's headers say.
"""

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.settings import ParsingLimits

_MAX_PARTS = 10_000
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Relation:
    """A part's reference to another: the last word of its type, as `footnotes`, and the part's name or the address."""

    kind: str
    target: str
    is_external: bool = False


class Package:
    """The parts of an archive, by name; letter case and a leading slash do not count."""

    def __init__(self, content: bytes, kind: str, limits: ParsingLimits) -> None:
        """Opens an archive.

        Args:
            content: the archive.
            kind: the document in messages, as `Word document`.
            limits: of what it may unpack to.

        Raises:
            ContentTooLarge: it unpacks to more (a zip bomb). FormatUnsupported: protected by a password.
            InputInvalid: damaged.
        """
        self._kind, self._left_bytes = kind, limits.unpacked_bytes
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            entries = self._archive.infolist()
        except Exception as error:  # of names that are no text, unknown packing, …
            raise self.damaged() from error
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > limits.unpacked_bytes or len(entries) > _MAX_PARTS:
            raise ContentTooLarge(
                f"the {kind} unpacks to {unpacked} bytes in {len(entries)} parts, at most {limits.unpacked_bytes} are "
                "accepted; take its pictures out, or split it"
            )
        if any(entry.flag_bits & 1 for entry in entries):
            raise self.protected()
        self._entries = {_folded(entry.filename): entry for entry in entries}

    def __contains__(self, part: str) -> bool:
        return _folded(part) in self._entries

    def damaged(self) -> InputInvalid:
        """The refusal of a document that cannot be read."""
        return InputInvalid(f"the {self._kind} is damaged; open it in an office program and save it again")

    def protected(self) -> FormatUnsupported:
        """The refusal of a document that is encrypted."""
        return FormatUnsupported(f"the {self._kind} is protected by a password; save it without one")

    def read(self, part: str) -> bytes | None:
        """A part's bytes; None where there is no such part. Raises: see `Package`."""
        entry = self._entries.get(_folded(part))
        if entry is None:
            return None
        self._left_bytes -= entry.file_size
        if self._left_bytes < 0:  # one part asked for again and again
            raise ContentTooLarge(f"the {self._kind} refers to its parts too often; split it")
        try:
            return self._archive.read(entry)
        except MemoryError:
            raise
        except Exception as error:  # zipfile and zlib raise whatever a damaged archive leads them to
            raise self.damaged() from error

    def xml(self, part: str) -> etree._Element | None:
        """The root of an XML part, in the namespaces of transitional OOXML; None where there is no such part."""
        content = self.read(part)
        if content is None:
            return None
        try:
            return parse_xml(content)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise self.damaged() from error

    def relations(self, part: str = "") -> dict[str, Relation]:
        """The relations of an OOXML part, by id; of the whole document where no part is named."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        found = {}
        for element in [] if root is None else root.iterchildren("{*}Relationship"):
            target = element.get("Target", "")
            is_external = element.get("TargetMode", "").lower() == "external"
            if not is_external:
                target = posixpath.normpath(posixpath.join("/", folder, unquote(_path(target)))).lstrip("/")
            kind = element.get("Type", "").rsplit("/", 1)[-1]
            found[element.get("Id", "")] = Relation(kind, target, is_external)
        return found


def parse_xml(content: bytes) -> etree._Element:
    """The root of untrusted XML: at most 256 levels deep, no entity expanded, nothing fetched.

    Raises:
        etree.XMLSyntaxError: it is no XML, or nested too deeply.
        ValueError: its text is in no encoding that it could be in.
    """
    if content.startswith(_UTF_16):
        content = _DECLARATION.sub("", content.decode("utf-16")).encode()
    if b"purl.oclc.org" in content:
        content = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", content)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    return etree.fromstring(content, parser)


def _folded(part: str) -> str:
    return part.replace("\\", "/").lstrip("/").lower()


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""
