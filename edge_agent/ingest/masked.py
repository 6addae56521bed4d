"""Documents without the personal data in them: text, title, tags and names of attachments are masked."""

from dataclasses import replace

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import Attachment, Block, Extract
from student.masking.identifiers import find_identifiers
from student.masking.pseudonyms import Masked, Pseudonyms, moved


def masked_extract(extract: Extract) -> Extract:
    """A document as its parser read it, masked: the same thing by the same mask in all of it.

    Guarantees:
        Blocks keep their order and do not overlap; a mask that two blocks held a part of belongs to the first.

    Args:
        extract: as parsed.

    Returns:
        It with one notice more, which counts what was masked by kind, where anything was.
    """
    pseudonyms = Pseudonyms()
    text = pseudonyms.mask(extract.text)
    title = pseudonyms.mask(extract.title).text if extract.title is not None else None
    tags = tuple(pseudonyms.mask(tag).text for tag in extract.tags)
    attachments = tuple(Attachment(pseudonyms.mask(each.name).text, each.content) for each in extract.attachments)
    counts = text.counts()
    notices = extract.notices
    if counts:
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(counts.items()))
        notices = (*notices, f"personal data were masked: {kinds}")
    return replace(
        extract,
        text=text.text,
        title=title,
        blocks=_moved_blocks(extract.blocks, text),
        tags=tags,
        notices=notices,
        attachments=attachments,
    )


def _moved_blocks(blocks: tuple[Block, ...], masked: Masked) -> tuple[Block, ...]:
    """Blocks where their text is now; one whose text went into a mask of the block before is left out."""
    places = moved(masked, [place for block in blocks for place in (block.start, block.end)])
    pairs = zip(blocks, places[::2], places[1::2], strict=True)
    return tuple(replace(block, start=start, end=end) for block, start, end in pairs if start < end)


def require_impersonal_source(source: str) -> None:
    """Raises `InputInvalid` where a document's source holds personal data, which masking its text would not hide."""
    if find_identifiers(source):
        raise InputInvalid(
            "source holds personal data, such as an e-mail, phone or identity number, and documents are masked here; "
            "rename the document"
        )
