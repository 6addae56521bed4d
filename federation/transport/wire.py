"""The form of a round's messages: one record of plain values each way, read as untrusted input at both ends."""

from flwr.app import ConfigRecord, Message

from federation.errors import AggregationRefused

RECORD = "orilla"
"""Name of the one record in a message."""
Body = dict[str, str | int | float | bytes | list[int] | list[bytes]]


def read_bytes(record: ConfigRecord, name: str) -> bytes:
    """A value that must be bytes.

    Raises:
        AggregationRefused: it is missing, or something else.
    """
    value = record.get(name)
    if not isinstance(value, bytes):
        raise AggregationRefused(f"a message lacks {name}; what it is part of is left out")
    return value


def read_by_node(record: ConfigRecord, name: str) -> dict[int, bytes]:
    """Bytes by node: the list of `nodes` beside a list of that name.

    Raises:
        AggregationRefused: a list is missing, of another type or length.
    """
    nodes, values = record.get("nodes"), record.get(name)
    if not isinstance(nodes, list) or not isinstance(values, list) or len(nodes) != len(values):
        raise AggregationRefused(f"a message lacks its list of {name}; what it is part of is left out")
    read = {node: value for node, value in zip(nodes, values, strict=True) if isinstance(node, int)}
    typed = {node: value for node, value in read.items() if isinstance(value, bytes)}
    if len(typed) != len(nodes):
        raise AggregationRefused(f"a message's list of {name} is of another type; what it is part of is left out")
    return typed


def size_of(message: Message) -> int:
    """Bytes of a message's values; Flower's own count fails on an empty one, which anyone can send."""
    if not message.has_content():
        return 0
    values = [value for record in message.content.config_records.values() for value in record.values()]
    return sum(_bytes_of(value) for value in values)


def _bytes_of(value: object) -> int:
    if isinstance(value, list):
        return sum(_bytes_of(item) for item in value)
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 8
