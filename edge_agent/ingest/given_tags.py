"""Given tags: those of a stored document that came beside it, told from those that it carries itself."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations

from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import ChunkingRecipe, StoredFile
from student.artifacts.digests import Digest, digest_json

_MOST = 12
"""Of so many tags all choices are tried, at most 4096."""


def content_digest(
    recipe: ChunkingRecipe,
    document_format: str,
    title: str | None,
    tags: tuple[str, ...],
    bytes_sha256: Digest,
    *,
    is_masked: bool = False,
) -> Digest:
    """The digest of a document as it was handed in, by which the same content is recognized, stored in the same way."""
    handed_in = [asdict(recipe), document_format, title, tags, bytes_sha256]
    return digest_json([*handed_in, "masked"] if is_masked else handed_in)


def given_tags(stored: StoredFile, recipe: ChunkingRecipe) -> tuple[str, ...]:
    """The tags that a document of a folder was given: those with which its digest is the one that is stored.

    Where that cannot be told, as after a change of the recipe, all its tags: none that staff gave may go.
    """
    if not stored.tags:
        return ()
    document_format = DocumentFormat(stored.format)
    for tags in _choices(stored.tags):
        for is_masked in (False, True):
            digest = content_digest(recipe, document_format, None, tags, stored.bytes_sha256, is_masked=is_masked)
            if digest == stored.content_sha256:
                return tags
    return stored.tags


def _choices(tags: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield tags
    if len(tags) <= _MOST:
        for count in range(len(tags)):
            yield from combinations(tags, count)
