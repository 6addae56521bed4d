"""Removed passages in a file that hnswlib wrote: their embeddings are replaced there by those of passages that stay.

hnswlib only marks what is removed: it still leads searches on. In the file each removed passage gets the embedding of
the nearest of its neighbors that stays, so that it leads where it led, and nothing is left of its own but which
passages it was near to.
"""

import struct
from pathlib import Path

import numpy as np

from edge_agent.retrieval.graph import LINKS

_HEADER = struct.Struct("=6QiI3QdQ")  # hnswlib's HierarchicalNSW::saveIndex
_REMOVED = 1  # in the third byte of a passage's record


def blank_removed(path: Path, dimension: int) -> None:
    """Replaces the embeddings of removed passages in a saved graph.

    Args:
        path: of the file.
        dimension: D.

    Raises:
        OSError: it is not as this version of hnswlib writes it, so that nothing can be said of what is in it.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    fields = _HEADER.unpack(header) if len(header) == _HEADER.size else (0,) * 13
    count, size, at = fields[2], fields[3], fields[5]
    links = 2 * LINKS
    record = np.dtype(
        [
            ("links", "<u2"),
            ("flags", "u1"),
            ("rest", "u1"),
            ("near", "<u4", links),
            ("row", "<f4", dimension),
            ("id", "<u8"),
        ]
    )
    is_known = (size, at, fields[9]) == (record.itemsize, 4 + 4 * links, links) if count else True
    if len(header) < _HEADER.size or not is_known or path.stat().st_size < _HEADER.size + count * size:
        raise OSError(f"{path} is not as hnswlib 0.8 writes it; install that version")
    if not count:
        return
    records = np.memmap(path, dtype=record, mode="r+", offset=_HEADER.size, shape=(count,))
    is_removed = (records["flags"] & _REMOVED).astype(bool)
    kept = np.flatnonzero(~is_removed)
    for number in np.flatnonzero(is_removed):
        one = records[number]
        near = one["near"][: one["links"]]
        near = near[~is_removed[near]]
        if len(near):
            nearest = near[np.argmax(records["row"][near] @ one["row"])]
            records["row"][number] = records["row"][nearest]
        else:
            records["row"][number] = records["row"][kept[0]] if len(kept) else 0
    records.flush()
