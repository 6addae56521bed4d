"""The corpus: texts that teachers label and a student learns from, with what answers and what translates what.

Drawn from files by a recipe (`recipe.py`, `sources.py`). Entries stand in the order of a digest of their keys, so
the beginning of a corpus is a fair sample of it, and a larger share begins with a smaller one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from student.artifacts.digests import digest_bytes, digest_file
from student.artifacts.json_lines import is_held_out
from student.bundle.manifest import OWN_DOCUMENTS, Origin
from student.distill.targets import Links
from teacher.corpora.documents import ReadFolder, digest_folder, read_documents
from teacher.corpora.recipe import CorpusRecipe
from teacher.corpora.sources import Entry, HeldOutText, guide_texts, read_entries
from teacher.roles import Role

CORPUS_ROLE = "distillation texts"


@dataclass(frozen=True, slots=True)
class Example:
    """A text for the student.

    Attributes:
        text: of it.
        language: `en` or `es`; None where nobody said.
        role: asked, or asked for.
        mix: the part of the mix that it belongs to.
        intent: a known one.
    """

    text: str
    language: str | None
    role: Role
    mix: str
    intent: str | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """N different texts, and the links between them."""

    examples: list[Example]
    links: Links


def read_corpus(
    recipe: CorpusRecipe, data: Path, *, share: float = 1.0, read_folder: ReadFolder = read_documents
) -> Corpus:
    """The corpus of a recipe, each text once; of it a share chosen by digest, all by default.

    Empty texts are left out; texts longer than `max_chars` are cut. Texts of an entry stay together.

    Args:
        recipe: of the corpus.
        data: where its files are.
        share: of the corpus to take, its whole sources beside.
        read_folder: reads folders of documents.

    Raises:
        DataRefused: a file is missing, is not UTF-8 JSON lines, or lacks a column.
    """
    held_out = HeldOutText(" ".join(guide_texts(recipe, data)))
    entries = [
        (digest_bytes(f"share:{entry.key}".encode()), source.mix, entry)
        for source in recipe.source
        for entry in read_entries(source, recipe, data, held_out, read_folder=read_folder)
        if source.is_whole or is_held_out(f"share:{entry.key}", share)
    ]
    entries.sort(key=lambda item: item[0])  # stable: of equal keys the earlier source comes first
    gathering = _Gathering(recipe.max_chars)
    for _, mix, entry in entries:
        gathering.add(mix, entry)
    return gathering.corpus()


class _Gathering:
    """Puts entries together: each text gets the row of its first appearance, and links name rows."""

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._rows: dict[str, int] = {}
        self._examples: list[Example] = []
        self._answers: dict[tuple[int, int], str] = {}
        self._translations: dict[tuple[int, int], None] = {}

    def add(self, mix: str, entry: Entry) -> None:
        rows = []
        for text, language, role in entry.texts:
            tidy = text.strip()[: self._max_chars]
            if tidy and tidy not in self._rows:
                self._rows[tidy] = len(self._examples)
                self._examples.append(Example(tidy, language, role, mix, entry.intent))
            rows.append(self._rows.get(tidy))
        for pair in _linked(entry.answers, rows):
            self._answers.setdefault(pair, entry.area)
        for pair in _linked(entry.translations, rows):
            self._translations.setdefault(pair)

    def corpus(self) -> Corpus:
        links = Links.of(list(self._answers), list(self._answers.values()), list(self._translations))
        return Corpus(self._examples, links)


def _linked(links: Sequence[tuple[int, int]], rows: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """The rows of both sides of links, where both have one."""
    for left, right in links:
        one, other = rows[left], rows[right]
        if one is not None and other is not None and one != other:
            yield one, other


def corpus_lineage(recipe: CorpusRecipe, data: Path) -> list[Origin]:
    """Name, digest and licence of every file of a corpus, and of every folder of documents."""
    origins = {}
    for source in recipe.source:
        for name in (source.file, source.articles):
            if name and source.kind == "folder":
                folder = data / name
                own = {"name": folder.resolve().name, "sha256": digest_folder(folder)}
                origins[name] = Origin(role=OWN_DOCUMENTS, license=source.license, **own)
            elif name:
                path = source.path(data) if name == source.file else data / name
                origins[name] = Origin(
                    role=CORPUS_ROLE,
                    name=_shown(name),
                    sha256=digest_file(path),
                    license=source.license,
                    attribution=_attribution(recipe, name),
                )
    return list(origins.values())


def _attribution(recipe: CorpusRecipe, file: str) -> str | None:
    """The attribution of a file, or else of the innermost folder that holds it, as the recipe says."""
    places = (file, *(parent.as_posix() for parent in PurePosixPath(file).parents))
    return next((recipe.attributions[place] for place in places if place in recipe.attributions), None)


def _shown(name: str) -> str:
    """A file's name in a lineage: that of a recipe, the last part of a whole path."""
    return Path(name).name if Path(name).is_absolute() else name
