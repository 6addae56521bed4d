"""The comparison that decides about an adapted student: its questions, its ranks and its threshold."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from student.artifacts.json_lines import DataRefused
from student.runtime.encoder import Encoder
from student.runtime.student import load_student
from teacher.adapting.measuring import Comparison, Question, compare, questions_of, read_questions
from teacher.corpora.documents import OwnDocument, read_documents

GUIDES = {
    "backup.md": "# Backups\n\nCopies of the server are kept for two weeks.\n\n## Restore\n\nChoose a copy and wait.\n",
    "dns.md": "# Domains\n\nA zone names the servers of a domain.\n\n## Records\n\nAn A record holds an address.\n",
    "bill.md": "# Invoices\n\nAn invoice comes every month.\n\n## Restore\n\nOld invoices are sent again on request.\n",
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[OwnDocument]:
    folder = tmp_path_factory.mktemp("guides")
    for name, text in GUIDES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_documents(folder).documents


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    student = load_student()
    yield student.encoder
    student.close()


def test_titles_and_headings_of_the_held_out_documents_ask_unless_several_documents_have_them(
    documents: list[OwnDocument],
) -> None:
    assert [document.source for document in documents] == ["backup.md", "bill.md", "dns.md"]
    assert questions_of(documents, documents[1:]) == [
        Question("Invoices", 1),
        Question("Domains", 2),
        Question("Records", 2),
    ]
    assert Question("Restore", 0) not in questions_of(documents, documents)
    assert questions_of(documents, []) == []


def test_a_document_is_as_near_as_its_nearest_passage(documents: list[OwnDocument], encoder: Encoder) -> None:
    questions = [Question("how long are copies kept", number) for number in range(3)]
    compared = compare(encoder, encoder, documents, questions, is_bare=True)
    asked = encoder.encode([questions[0].text])[0]
    near = [max(float(row @ asked) for row in encoder.encode([p.text for p in d.passages])) for d in documents]
    ranks = [1 + sum(other > one for other in near) for one in near]
    assert sorted(ranks) == [1, 2, 3]
    np.testing.assert_allclose(compared.before, [1 / np.log2(rank + 1) for rank in ranks])
    np.testing.assert_array_equal(compared.before, compared.after)


def test_titles_are_searched_only_where_questions_are_ones_own(documents: list[OwnDocument], encoder: Encoder) -> None:
    """Two documents that differ in their titles alone."""
    invoices = documents[1]
    domains = OwnDocument("other.md", "Domains", None, invoices.passages, invoices.extracted)
    asked = [Question("Domains", 0), Question("Domains", 1)]
    named, bare = (compare(encoder, encoder, [invoices, domains], asked, is_bare=is_bare) for is_bare in (False, True))
    np.testing.assert_allclose(named.before, [1 / np.log2(3), 1])
    np.testing.assert_array_equal(bare.before, [1, 1])  # equally near ones share the better rank


@pytest.mark.parametrize(
    ("gains", "is_better"), [([1.0, 1.0, 0.0, 1.0], True), ([1.0, -1.0, 0.4, -0.2], False), ([0.0], False)]
)
def test_a_gain_counts_above_its_standard_error(gains: list[float], is_better: bool) -> None:
    compared = Comparison(np.zeros(len(gains)), np.array(gains))
    assert compared.is_better is is_better
    assert compared.uncertainty == pytest.approx(np.std(gains) / len(gains) ** 0.5)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "holds no question"),
        ('{"question": "a", "source": "b.md"}', "names 'b.md'"),
        ('{"question": "a"}', "source"),
    ],
)
def test_questions_that_name_no_document_are_refused(
    documents: list[OwnDocument], tmp_path: Path, content: str, match: str
) -> None:
    (tmp_path / "questions.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(DataRefused, match=match):
        read_questions(tmp_path / "questions.jsonl", documents)
