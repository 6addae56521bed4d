"""Writes compound files ([MS-CFB]), as Outlook does: folders and streams, small ones in small sectors."""

import struct
from collections.abc import Mapping

Folder = Mapping[str, "bytes | Folder"]
_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound_file(root: Folder) -> bytes:
    """The bytes of the file."""
    entries: list[list[object]] = [["Root Entry", 5, _FREE, _FREE, _FREE, b""]]

    def add(folder: Folder, parent: int) -> None:
        before = None
        for name, content in folder.items():
            number = len(entries)
            is_stream = isinstance(content, bytes)
            entries.append([name, 2 if is_stream else 1, _FREE, _FREE, _FREE, content if is_stream else b""])
            entries[parent if before is None else before][4 if before is None else 3] = number
            before = number
            if not isinstance(content, bytes):
                add(content, number)

    add(root, 0)
    sectors: list[bytes] = []
    small: list[bytes] = []
    chain: list[int] = []
    small_chain: list[int] = []

    def store(content: bytes, where: list[bytes], links: list[int], size: int) -> int:
        first = len(where)
        for start in range(0, len(content), size):
            where.append(content[start : start + size].ljust(size, b"\0"))
            links.append(len(where))
        if len(where) > first:
            links[-1] = _END
        return first if content else _END

    def place(content: bytes) -> int:
        is_small = len(content) < _CUTOFF
        return store(content, small, small_chain, _SMALL) if is_small else store(content, sectors, chain, _SECTOR)

    places = [place(entry[5]) for entry in entries if isinstance(entry[5], bytes)]
    entries[0][5] = b"".join(small)
    places[0] = store(b"".join(small), sectors, chain, _SECTOR)
    small_fat = struct.pack(f"<{len(small_chain)}I", *small_chain)
    small_at = store(small_fat.ljust(-(-len(small_fat) // _SECTOR) * _SECTOR, b"\xff"), sectors, chain, _SECTOR)
    directory = b""
    for (name, kind, left, right, child, content), first in zip(entries, places, strict=True):
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        encoded = name.encode("utf-16-le") + b"\0\0"
        head = struct.pack("<64sHBBIII", encoded, len(encoded), kind, 1, left, right, child)
        directory += head + bytes(36) + struct.pack("<IQ", first, len(content))
    directory_at = store(directory, sectors, chain, _SECTOR)
    tables = 1
    while (len(chain) + tables) * 4 > tables * _SECTOR:
        tables += 1
    fat_at = len(sectors)
    fat = struct.pack(f"<{len(chain)}I", *chain) + struct.pack("<I", _FAT) * tables
    fat = fat.ljust(tables * _SECTOR, b"\xff")
    header = struct.pack("<8s16sHHHHH6s", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"")
    header += struct.pack("<IIIIII", 0, tables, directory_at, 0, _CUTOFF, small_at)
    header += struct.pack("<III", -(-len(small_fat) // _SECTOR), _END, 0)
    header += struct.pack("<109I", *range(fat_at, fat_at + tables), *[_FREE] * (109 - tables))
    return header + b"".join(sectors) + fat
