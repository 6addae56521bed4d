"""The base report: documents by format, language and age, what was refused or lost, and what to mend first.

It repeats titles, sources and headings, never the text of a document.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from edge_agent.ingest.folder.gone import Gone
from edge_agent.reporting.duplicates import near_duplicates, sketch
from edge_agent.storage.overview import WholeDocument
from edge_agent.storage.records import Document, Passage, PassageKind, Refusal, full_name
from edge_agent.text import content_terms, without_version

OLD_YEARS = 3
MAX_LISTED = 200
"""Entries of a list in the report; its count says how many there are."""
UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Named:
    """A document by what people know it by, with a remark: a reason, a count, a date."""

    root: str
    source: str
    title: str
    remark: str = ""

    @property
    def full_name(self) -> str:
        """Its root and source as one name."""
        return full_name(self.root, self.source)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents, and the share of the words of both that they have in common, in [0, 1]."""

    one: Named
    other: Named
    share: float


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of one document, the newest first, and the headings under which they say different things."""

    title: str
    documents: list[Named]
    headings: list[str]


@dataclass(frozen=True, slots=True)
class BaseReport:
    """The state of a base.

    Attributes:
        made_on: `YYYY-MM-DD`.
        documents, passages: how many.
        by_format, by_language, by_root: documents by each; "" for none.
        by_age: documents by the year of their date, "undated" for none.
        refused: documents that were refused and are not in the base, with the reason.
        stale: documents of which a later version was refused, with the reason.
        gone: documents whose files have gone; of a root whose folder has, one entry without a source.
        incomplete: documents of which something was left out, with what.
        hidden_text: documents with text that no reader sees, with how many characters; it is not searched.
        contradictions: versions that say different things under the same heading.
        duplicates: near-duplicates.
        hard_to_find: documents with passages that searching hardly finds, with why.
        outdated: documents that were chunked by other rules than today's.
        old: documents older than `OLD_YEARS` years, with their date.
        counts: how many each list above has in all; the lists are cut.
    """

    made_on: str
    documents: int
    passages: int
    by_format: dict[str, int]
    by_language: dict[str, int]
    by_root: dict[str, int]
    by_age: dict[str, int]
    refused: list[Named]
    stale: list[Named]
    gone: list[Named]
    incomplete: list[Named]
    hidden_text: list[Named]
    contradictions: list[Versions]
    duplicates: list[Pair]
    hard_to_find: list[Named]
    outdated: list[Named]
    old: list[Named]
    counts: dict[str, int]

    @property
    def to_mend(self) -> list[str]:
        """The names of the lists that hold anything, what harms answers most first."""
        return [name for name in MENDED_FIRST if self.counts[name]]


MENDED_FIRST = (
    "contradictions",
    "stale",
    "gone",
    "refused",
    "incomplete",
    "hard_to_find",
    "hidden_text",
    "duplicates",
    "outdated",
    "old",
)


def report_on(
    documents: Iterable[WholeDocument],
    refusals: Sequence[Refusal],
    outdated: Sequence[str],
    gone: Sequence[Gone] = (),
    *,
    today: date,
) -> BaseReport:
    """The report on a base.

    Args:
        documents: all of it.
        refusals: documents that are not in it because they were refused.
        outdated: sources of documents that were chunked by other rules than today's.
        gone: documents whose files have gone.
        today: for their age.
    """
    gathered = _Gathered(today)
    for document in documents:
        gathered.add(document)
    lists: dict[str, list[Any]] = {
        "refused": [Named(r.root, r.source, "", r.reason) for r in refusals],
        "stale": gathered.stale,
        "gone": [Named(each.root, each.source, "", each.remark) for each in gone],
        "incomplete": gathered.incomplete,
        "hidden_text": gathered.hidden_text,
        "contradictions": gathered.contradictions(),
        "duplicates": gathered.duplicates(),
        "hard_to_find": gathered.hard_to_find,
        "outdated": [Named("", source, "") for source in outdated],
        "old": sorted(gathered.old, key=lambda named: named.remark),
    }
    counts = {name: len(entries) for name, entries in lists.items()}
    return BaseReport(
        made_on=today.isoformat(),
        documents=len(gathered.named),
        passages=gathered.passages,
        by_format=_ordered(gathered.formats),
        by_language=_ordered(gathered.languages),
        by_root=_ordered(gathered.roots),
        by_age=dict(sorted(gathered.years.items(), reverse=True)),
        counts=counts,
        **{name: entries[:MAX_LISTED] for name, entries in lists.items()},
    )


@dataclass
class _Gathered:
    """The documents so far, as far as the report needs them."""

    today: date
    passages: int = 0
    named: dict[str, Named] = field(default_factory=dict)
    formats: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    roots: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)
    stale: list[Named] = field(default_factory=list)
    incomplete: list[Named] = field(default_factory=list)
    hidden_text: list[Named] = field(default_factory=list)
    hard_to_find: list[Named] = field(default_factory=list)
    old: list[Named] = field(default_factory=list)
    sketches: dict[str, frozenset[int]] = field(default_factory=dict)
    subjects: defaultdict[tuple[str, str], list[tuple[Document, dict[str, tuple[str, str]]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, whole: WholeDocument) -> None:
        document = whole.document
        named = Named(document.root, document.source, document.title)
        self.named[document.document_id] = named
        self.passages += len(whole.passages)
        self.formats[document.format] += 1
        self.languages[document.language] += 1
        self.roots[document.root] += 1
        self.years[document.date[:4] or UNDATED] += 1
        if document.stale_reason:
            self.stale.append(_with(named, document.stale_reason))
        if document.notices:
            self.incomplete.append(_with(named, "; ".join(document.notices)))
        if document.invisible_chars:
            self.hidden_text.append(_with(named, str(document.invisible_chars)))
        if why := "; ".join(_hard_to_find(document, whole.passages)):
            self.hard_to_find.append(_with(named, why))
        if document.date and int(document.date[:4]) < self.today.year - OLD_YEARS:
            self.old.append(_with(named, document.date))
        self.sketches[document.document_id] = sketch("\n".join(passage.text for passage in whole.passages))
        if subject := without_version(document.title):
            self.subjects[document.language, subject].append((document, _by_heading(whole.passages)))

    def duplicates(self) -> list[Pair]:
        """Near-duplicates, the most alike first."""
        found = near_duplicates(self.sketches)
        return [Pair(self.named[one], self.named[other], round(share, 2)) for one, other, share in found]

    def contradictions(self) -> list[Versions]:
        """Versions that say different things under a heading, those with most such headings first."""
        found = []
        for versions in self.subjects.values():
            newest_first = sorted(versions, key=lambda version: version[0].date, reverse=True)
            said: defaultdict[str, set[str]] = defaultdict(set)
            names: dict[str, str] = {}
            for _, sections in newest_first:
                for heading, (shown, words) in sections.items():
                    said[heading].add(words)
                    names.setdefault(heading, shown)
            headings = sorted(names[heading] for heading, words in said.items() if len(words) > 1)
            if headings:
                named = [_with(self.named[d.document_id], d.date) for d, _ in newest_first]
                found.append(Versions(newest_first[0][0].title, named, headings[:MAX_LISTED]))
        return sorted(found, key=lambda versions: -len(versions.headings))


def _by_heading(passages: Sequence[Passage]) -> dict[str, tuple[str, str]]:
    """By heading without marks of a version: the heading as it stands, and the content words under it."""
    sections: defaultdict[str, list[str]] = defaultdict(list)
    shown: dict[str, str] = {}
    for passage in passages:
        heading = without_version(passage.heading)
        sections[heading] += content_terms(passage.text, limit=None)
        shown.setdefault(heading, passage.heading)
    return {heading: (shown[heading], " ".join(words)) for heading, words in sections.items()}


def _hard_to_find(document: Document, passages: Sequence[Passage]) -> list[str]:
    """Why searching hardly finds some of a document's passages, each with their number."""
    rows = [passage for passage in passages if passage.kind is PassageKind.TABLE_ROW]
    unnamed = sum(": " not in row.text for row in rows)
    bare = sum(passage.kind is PassageKind.HEADING for passage in passages)
    lost = sum(not passage.heading and len(re.findall(r"\w{2,}", passage.text)) < _FEW_WORDS for passage in passages)
    reasons = {
        f"rows of tables without column names: {unnamed}": unnamed,
        f"headings with nothing below them: {bare}": bare,
        f"passages of hardly a word, under no heading: {lost}": lost,
        "its title says nothing": not re.search(r"[^\W\d_]{3}", document.title),
    }
    return [reason for reason, is_so in reasons.items() if is_so]


_FEW_WORDS = 3


def _with(named: Named, remark: str) -> Named:
    return Named(named.root, named.source, named.title, remark)


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())
