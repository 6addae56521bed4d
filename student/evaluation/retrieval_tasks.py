"""Retrieval tasks, made of files: a function for each kind of entry."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from student.artifacts.json_lines import DataRefused, area_of, column, is_held_out, is_page_held_out, page_of, read_rows
from student.evaluation.recipe import (
    AnswersEntry,
    GuideQuestionsEntry,
    GuidesEntry,
    QuestionsEntry,
    TranslationsEntry,
    fits,
)
from student.evaluation.tasks import RetrievalTask


def _guides(entry: GuidesEntry, folder: Path) -> Iterator[RetrievalTask]:
    titles: dict[str, list[str]] = {language: [] for language in entry.languages}
    bodies: dict[str, list[str]] = {language: [] for language in entry.languages}
    for name in entry.folders:
        articles = folder / name / "articles.jsonl"
        for guides in _held_out_guides(entry, folder / name):
            for language, guide in zip(entry.languages, guides, strict=True):
                titles[language].append(column(guide, "title", articles))
                bodies[language].append(_body(guide))
    for asked in entry.languages:
        for searched in entry.languages:
            if titles[asked]:
                answers = list(range(len(titles[asked])))
                yield RetrievalTask(entry.name, asked, searched, titles[asked], bodies[searched], answers)


def _held_out_guides(entry: GuidesEntry, folder: Path) -> Iterator[list[dict[str, Any]]]:
    """Guides that say the same, one for each language."""
    articles, pairs = folder / "articles.jsonl", folder / "pairs.jsonl"
    guides = {column(row, "id", articles): row for row in read_rows(articles)}
    if pairs.exists():
        for pair in read_rows(pairs):
            if is_held_out(column(pair, "pair_id", pairs), entry.hold_out):
                yield [guides[column(pair, f"{language}_id", pairs)] for language in entry.languages]
        return
    if len(entry.languages) > 1:
        raise DataRefused(f"{folder} has no pairs.jsonl, so its guides have no translations; name one of languages")
    for name, guide in guides.items():
        if guide.get("lang") == entry.languages[0] and is_page_held_out(name, entry.hold_out):
            yield [guide]


def _body(guide: dict[str, Any]) -> str:
    """A guide without its title, wherever that stands."""
    lines = [line for line in guide["body_markdown"].splitlines() if not line.startswith("# ")]
    return "\n".join(lines).replace(guide["title"], " ")[:4000]


def _translations(entry: TranslationsEntry, folder: Path) -> Iterator[RetrievalTask]:
    first, second = entry.languages
    path = folder / entry.file
    texts = {column(row, first, path): column(row, second, path) for row in read_rows(path)}
    held_out = [text for text in texts if is_held_out(text, entry.hold_out)]
    answers = list(range(len(held_out)))
    sides = {first: held_out, second: [texts[text] for text in held_out]}
    if held_out:
        for asked, searched in ((first, second), (second, first)):
            yield RetrievalTask(entry.name, asked, searched, sides[asked], sides[searched], answers)


def _questions(entry: QuestionsEntry, folder: Path) -> Iterator[RetrievalTask]:
    path, root = folder / entry.file, folder / entry.documents
    for language in entry.languages:
        sections = [
            (article.relative_to(root).as_posix(), section)
            for article in sorted((root / language).rglob("*.md"))
            for section in _sections(article.read_text(encoding="utf-8"))
        ]
        rows = [row for row in read_rows(path) if row.get("language") == language and fits(row, entry.where)]
        queries = [column(row, "text", path) for row in rows]
        answers = [_find(sections, column(row, "gold", path), column(row, "quote", path), path) for row in rows]
        texts = [text for _, text in sections]
        if not queries:
            continue
        if entry.find == "section":
            yield RetrievalTask(entry.name, language, language, queries, texts, answers)
            continue
        numbers = {article: number for number, article in enumerate(dict.fromkeys(article for article, _ in sections))}
        article_of = [numbers[article] for article, _ in sections]
        right = [article_of[answer] for answer in answers]
        yield RetrievalTask(entry.name, language, language, queries, texts, right, article_of)


def _guide_questions(entry: GuideQuestionsEntry, folder: Path) -> Iterator[RetrievalTask]:
    path = folder / entry.file
    for language, file in entry.guides.items():
        rows = [row for row in read_rows(path) if row.get("language") == language and fits(row, entry.where)]
        if not rows:
            continue
        wanted = {_product(column(row, "guide", path)) for row in rows}
        answering = {row["guide"] for row in rows}
        guides = [
            guide
            for guide in read_rows(folder / file)
            if _product(name := column(guide, "id", folder / file)) in wanted
            and (name in answering or is_held_out(f"distractor:{name}", entry.share))
        ]
        numbers = {guide["id"]: number for number, guide in enumerate(guides)}
        missing = [row["guide"] for row in rows if row["guide"] not in numbers]
        if missing:
            raise DataRefused(f"{path}: {folder / file} has no guide {missing[0]!r}; name the file that has it")
        passages = [
            (number, text)
            for number, guide in enumerate(guides)
            for text in split_guide(
                column(guide, "title", folder / file), column(guide, "body_markdown", folder / file)
            )
        ]
        yield RetrievalTask(
            entry.name,
            language,
            language,
            [column(row, "text", path) for row in rows],
            [text for _, text in passages],
            [numbers[row["guide"]] for row in rows],
            [number for number, _ in passages],
            ([_product(row["guide"]) for row in rows], [_product(guides[number]["id"]) for number, _ in passages]),
        )


def split_guide(title: str, body: str, *, max_chars: int = 900) -> list[str]:
    """The passages of a guide, at least one, each with the title before it; cut between lines, long ones at spaces."""
    pieces = [piece for line in body.splitlines() if line.strip() for piece in textwrap.wrap(line, max_chars)]
    passages = [""]
    for piece in pieces:
        if passages[-1] and len(passages[-1]) + len(piece) > max_chars:
            passages.append("")
        passages[-1] += piece + "\n"
    return [f"{title}\n{passage}".strip() for passage in passages]


def _product(guide: str) -> str:
    return guide.split(":", maxsplit=1)[0]


def _answers(entry: AnswersEntry, folder: Path) -> Iterator[RetrievalTask]:
    rows = list(_held_out_answers(entry, folder))
    if not rows:
        return
    for searched, answer in entry.answer.items():
        numbers: dict[str, int] = {}
        for row in rows:
            numbers.setdefault(row[answer], len(numbers))
        documents = list(dict.fromkeys([*numbers, *_distractors(entry, searched, folder)]))
        for asked, question in entry.question.items():
            yield RetrievalTask(
                entry.name,
                asked,
                searched,
                [row[question] for row in rows],
                documents,
                [numbers[row[answer]] for row in rows],
            )


def _held_out_answers(entry: AnswersEntry, folder: Path) -> Iterator[dict[str, Any]]:
    needed = {*entry.question.values(), *entry.answer.values()}
    seen = {
        row.get(entry.key)
        for name in entry.apart_from
        for row in read_rows(folder / name)
        if not is_page_held_out(page_of(row, column(row, entry.key, folder / name)), entry.hold_out)
    }
    for name in entry.files:
        for row in read_rows(folder / name):
            key = column(row, entry.key, folder / name)
            if (
                is_page_held_out(page_of(row, key), entry.hold_out)
                and is_held_out(f"sample:{key}", entry.sample)
                and fits(row, entry.where)
                and (not entry.areas or area_of(row) in entry.areas)
                and all(isinstance(row.get(each), str) and row[each].strip() for each in needed)
                and not any(row[each] in seen for each in entry.question.values())
            ):
                yield row


def _distractors(entry: AnswersEntry, language: str, folder: Path) -> Iterator[str]:
    for others in entry.distractors:
        if language not in others.text:
            continue
        key = next(iter(others.text.values()))
        for row in read_rows(folder / others.file):
            if fits(row, others.where) and is_held_out(f"distractor:{row.get(key)}", others.share):
                yield column(row, others.text[language], folder / others.file)


def _sections(markdown: str) -> list[str]:
    """An article's sections, each with the title before it."""
    first, *others = re.split(r"^## ", markdown, flags=re.MULTILINE)
    title = first.strip().splitlines()[0].removeprefix("# ")
    return [first.strip(), *(f"{title}\n{other.strip()}" for other in others)]


def _find(sections: list[tuple[str, str]], article: str, quote: str, path: Path) -> int:
    for number, (source, text) in enumerate(sections):
        if source == article and _plain(quote) in _plain(text):
            return number
    raise DataRefused(f"{path}: {article} has no section that holds the quote {quote!r}")


def _plain(text: str) -> str:
    """Only letters and digits, so that Markdown's marks do not count."""
    return "".join(filter(str.isalnum, text))


RETRIEVAL_TASKS: dict[str, Any] = {
    "guides": _guides,
    "translations": _translations,
    "questions": _questions,
    "guide_questions": _guide_questions,
    "answers": _answers,
}
