"""A folder of own documents as a corpus: what is read, what asks for what, and what is held out."""

from pathlib import Path

import pytest

from student.artifacts.json_lines import DataRefused
from student.bundle.manifest import OWN_DOCUMENTS
from teacher.corpora.corpus import corpus_lineage, read_corpus
from teacher.corpora.documents import asked_and_answered, digest_folder, read_documents
from teacher.corpora.recipe import CorpusRecipe, Source

GUIDE = """# Restore a backup

Open the panel and choose the copy. It is kept for fourteen days after it was made by the nightly job.

## From the command line

Run the restore command with the name of the copy and the folder, then wait until it says done.

## Questions

**Can I restore one file alone?**

Yes, choose it in the list of files of that copy before you press the button named restore.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "guides"
    (own / "en").mkdir(parents=True)
    (own / "en" / "restore.md").write_text(GUIDE, encoding="utf-8")
    (own / "precios.html").write_text("<h1>Precios</h1><p>El plan cuesta diez euros al mes.</p>", encoding="utf-8")
    (own / "broken.docx").write_bytes(b"no archive")
    (own / "letter.eml").write_text("Subject: my account\n\nmy password is hunter2\n", encoding="utf-8")
    (own / "code.py").write_text("print()", encoding="utf-8")
    return own


def test_documents_of_all_formats_are_read_mail_is_not_and_broken_ones_are_named(folder: Path) -> None:
    own = read_documents(folder)
    assert [document.source for document in own.documents] == ["en/restore.md", "precios.html"]
    assert [document.title for document in own.documents] == ["Restore a backup", "Precios"]
    assert [document.language for document in own.documents] == ["en", "es"]
    assert list(own.unread) == ["broken.docx"]


def test_folders_that_are_not_listed_are_named(folder: Path) -> None:
    folder.joinpath(*["d"] * 101).mkdir(parents=True)
    reasons = [reason for source, reason in read_documents(folder).unread.items() if source != "broken.docx"]
    assert reasons == ["more than 100 folders deep"]


def test_titles_headings_questions_and_sentences_ask_for_what_answers_them(folder: Path) -> None:
    pairs = list(asked_and_answered(read_documents(folder).documents[0]))
    asked = {pair.question: pair.answer for pair in pairs}
    assert asked["From the command line"].startswith("Restore a backup\nRun the restore")
    assert "Yes, choose it" in asked["Can I restore one file alone?"]
    titled = [pair.answer for pair in pairs if pair.question == "Restore a backup"]
    assert "Open the panel" in titled[0]
    assert all(pair.question not in pair.answer for pair in pairs)


def test_a_corpus_of_a_folder_links_pairs_and_keeps_out_what_is_held_out(folder: Path) -> None:
    for number in range(9):
        text = f"# Guide {number}\n\nText of guide number {number} about servers.\n"
        (folder / f"more-{number}.md").write_text(text, encoding="utf-8")
    recipe = CorpusRecipe(
        name="own", source=[Source(mix="own", kind="folder", file="guides", hold_out=0.25, license="LicenseRef-own")]
    )
    corpus = read_corpus(recipe, folder.parent)
    learned, held_out = read_documents(folder).split(0.25)
    assert (len(learned), len(held_out)) == (8, 3)  # a quarter of eleven, rounded up
    texts = [example.text for example in corpus.examples]
    assert all(document.title in texts for document in learned)
    assert not any(document.title in text for document in held_out for text in texts)
    asked, answering = corpus.links.answers[0]
    assert corpus.examples[asked].role == "query"
    assert corpus.examples[answering].role == "passage"


def test_the_lineage_names_a_folder_by_the_digest_of_its_documents(folder: Path) -> None:
    recipe = CorpusRecipe(name="own", source=[Source(mix="own", kind="folder", file=".", license="LicenseRef-own")])
    (origin,) = corpus_lineage(recipe, folder)
    assert (origin.role, origin.name, origin.license) == (OWN_DOCUMENTS, "guides", "LicenseRef-own")
    before = digest_folder(folder)
    assert origin.sha256 == before
    (folder / "code.py").write_text("changed", encoding="utf-8")
    assert digest_folder(folder) == before
    (folder / "en" / "restore.md").write_text(GUIDE + "\nMore.\n", encoding="utf-8")
    assert digest_folder(folder) != before


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="holds no document that can be read"):
        read_documents(tmp_path)
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.4 cut off")
    with pytest.raises(DataRefused, match=r"1 that cannot \(first scan\.pdf: the PDF is damaged"):
        read_documents(tmp_path)
    with pytest.raises(DataRefused, match="is no folder"):
        read_documents(tmp_path / "nowhere")
