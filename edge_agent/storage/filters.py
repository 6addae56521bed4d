"""Filters as SQL: which documents a question looks in."""

from collections.abc import Sequence

from edge_agent.storage.records import Filter


def condition_of(where: Filter) -> tuple[str, list[object]]:
    """A filter as SQL on documents `d`, and its values."""
    conditions: list[tuple[str, list[object]]] = []
    if where.language is not None:
        conditions.append(("d.language = ?", [where.language]))
    if where.root is not None:
        conditions.append(("d.root = ?", [where.root]))
    if where.source_prefix is not None:
        conditions.append(("substr(d.source, 1, length(?)) = ?", [where.source_prefix] * 2))
    if where.added_since is not None:
        conditions.append(("d.added_at >= ?", [where.added_since]))
    for tag in where.tags:
        conditions.append(("d.id IN (SELECT document_id FROM document_tags WHERE tag = ?)", [tag]))
    values = [value for _, group in conditions for value in group]
    return " AND ".join(condition for condition, _ in conditions) or "1", values


def marks(values: Sequence[object]) -> str:
    """A placeholder for each of some values."""
    return ",".join("?" * len(values))
