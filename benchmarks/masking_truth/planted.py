"""Sentences with one planted value each: every kind in every writing, with its word and without."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.masking_truth.checked_sorts import CHECKED
from benchmarks.masking_truth.unchecked_sorts import UNCHECKED

_WITH_WORD = {
    "es": (
        "Mi {word} es {value}.",
        "{word}: {value}",
        "Le paso el {word} {value}, gracias",
        "{word} {value}",
        "«{word}»: «{value}»",
    ),
    "en": (
        "My {word} is {value}.",
        "{word}: {value}",
        "Here is the {word} {value}, thanks",
        "{word} {value}",
        "({word}: {value})",
    ),
}
_NUMBERED = {
    "es": "Hola, soy cliente. {word} n.º {value}. Un saludo",
    "en": "Hi, a customer here. {word} no. {value}. Bye",
}
_WITHOUT = {
    "es": (
        "Le mando el dato: {value}.",
        "Tome nota, {value}",
        "{value}",
        "Es este ({value}), creo",
        "El mío era\n{value}\n¿lo ve?",
    ),
    "en": (
        "Here you are: {value}.",
        "Please note {value}",
        "{value}",
        "It is this one ({value}), I think",
        "Mine was\n{value}\nright?",
    ),
}
SORTS = (*CHECKED, *UNCHECKED)


@dataclass(frozen=True, slots=True)
class Planted:
    """A sentence with one value.

    Attributes:
        text: the sentence.
        start, end: of the value.
        kind, name, language: of it; the name says whose number it is.
        writing: number of the writing, `with_word` whether its word stands beside it.
        is_checked: whether the value has check digits.
    """

    text: str
    start: int
    end: int
    kind: str
    name: str
    language: str
    writing: int
    with_word: bool
    is_checked: bool


def plant(seed: int, repeats: int) -> Iterator[Planted]:
    """Every sort of value in every writing, in sentences with its word and without.

    Args:
        seed: of all choices.
        repeats: values for each writing.
    """
    for sort in SORTS:
        random = Random(f"{seed}/{sort.kind}/{sort.name}/{sort.language}")  # noqa: S311  # no secret
        named = _WITH_WORD[sort.language] + ((_NUMBERED[sort.language],) if sort.kind != "password" else ())
        for number, write in enumerate(sort.writings):
            for repeat in range(repeats):
                with_word = sort.needs_word or repeat % 2 == 0
                sentence = random.choice(named if with_word else _WITHOUT[sort.language])
                word = random.choice(sort.words.split("|"))
                value = write(sort.make(random))
                before, _, after = sentence.partition("{value}")
                before = before.format(word=word)
                yield Planted(
                    f"{before}{value}{after}",
                    len(before),
                    len(before) + len(value),
                    sort.kind,
                    sort.name,
                    sort.language,
                    number,
                    with_word,
                    sort.is_checked,
                )
