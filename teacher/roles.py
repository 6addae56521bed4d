"""The side of retrieval that a text stands on: an encoder may have a prompt for each."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a text: asked, or asked for."""

    QUERY = "query"
    PASSAGE = "passage"
