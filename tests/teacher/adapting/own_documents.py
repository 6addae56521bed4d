"""A folder of documents whose titles and headings are English and whose texts are Spanish, word by word."""

import random
from pathlib import Path

from tests.tiny import SPANISH, WORDS


def write_documents(folder: Path, count: int) -> None:
    """Documents of a title, a text below it, and a section with a heading and its text."""
    generator = random.Random(3)
    names = list(dict.fromkeys(tuple(generator.sample(range(len(WORDS)), 3)) for _ in range(4 * count)))
    for number in range(count):
        title, heading = names[2 * number], names[2 * number + 1]
        text = f"# {_english(title)}\n\n{_spanish(title, 2)}\n\n## {_english(heading)}\n\n{_spanish(heading, 4)}\n"
        path = folder / ("a" if number % 2 else "b") / f"guide-{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _english(name: tuple[int, ...]) -> str:
    return " ".join(WORDS[word] for word in name)


def _spanish(name: tuple[int, ...], times: int) -> str:
    return " ".join([" ".join(SPANISH[word] for word in name)] * times) + "."
