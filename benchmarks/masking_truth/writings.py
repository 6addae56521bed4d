"""Ways in which people write a value: groups and what stands between them, small letters, other scripts' digits."""

from collections.abc import Callable, Sequence

Write = Callable[[str], str]
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def plain(value: str) -> str:
    """As it is."""
    return value


def lower(value: str) -> str:
    """In small letters."""
    return value.lower()


def wide(value: str) -> str:
    """With full-width digits."""
    return value.translate(_WIDE)


def hidden(value: str) -> str:
    """With a character that nobody sees in its middle."""
    return f"{value[: len(value) // 2]}\u200b{value[len(value) // 2 :]}"


def spelled(value: str) -> str:
    """One character after the other."""
    return " ".join(value)


def grouped(separator: str, *lengths: int, last: str | None = None) -> Write:
    """In groups of these lengths, with a separator between them, and perhaps another before the last."""

    def write(value: str) -> str:
        groups, place = [], 0
        for length in lengths:
            groups.append(value[place : place + length])
            place += length
        groups = [group for group in [*groups, value[place:]] if group]
        if last is None or len(groups) < 2:
            return separator.join(groups)
        return separator.join(groups[:-1]) + last + groups[-1]

    return write


def fours(separator: str) -> Write:
    """In groups of four."""
    return lambda value: separator.join(value[place : place + 4] for place in range(0, len(value), 4))


def from_the_end(separator: str, last: str) -> Write:
    """A number in thousands, and its check digit after another sign: `12.531.909-2`."""

    def write(value: str) -> str:
        number = value[:-1]
        groups = [number[max(0, end - 3) : end] for end in range(len(number), 0, -3)][::-1]
        return separator.join(groups) + last + value[-1]

    return write


def each(separators: Sequence[str], *lengths: int) -> tuple[Write, ...]:
    """In the same groups with each of the separators."""
    return tuple(grouped(separator, *lengths) for separator in separators)
