"""Encodings: bytes that should be text become text, whatever program wrote them."""

from edge_agent.characters import normalize
from edge_agent.errors import TextNotUtf8


def decode_text(content: bytes) -> tuple[str, str]:
    """Bytes as text in normal form, and the encoding they were in, as Python names it. Raises `TextNotUtf8`."""
    try:
        return normalize(content.decode("utf-8-sig")), "utf-8"
    except UnicodeDecodeError as error:
        raise TextNotUtf8(
            f"the document is not UTF-8: byte {error.start} cannot be decoded; save it as UTF-8"
        ) from None
