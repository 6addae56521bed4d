"""Hostile documents and names: each refused or read safely, by its parser and by a server that keeps answering."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docx
import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import fault_of, outcome_of, seeds_of, spoil
from edge_agent.agent import Agent
from edge_agent.errors import AgentError, ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.folder.sync import sync
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import ParsingLimits
from tests.conftest import Server, serving
from tests.edge_agent.ingest.test_formats import make_docx, make_pdf

CARD = "4111-1111"


def with_part(name: str, change: Callable[[bytes], bytes], **more: bytes) -> bytes:
    """A Word document, one part of it changed and others added."""
    original, out = zipfile.ZipFile(io.BytesIO(make_docx())), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in original.namelist():
            content = original.read(part)
            archive.writestr(part, change(content) if part == name else content)
        for part, content in more.items():
            archive.writestr(part, content)
    return out.getvalue()


def with_body(xml: bytes, doctype: bytes = b"") -> bytes:
    def change(content: bytes) -> bytes:
        start, end = content.index(b"<w:body>") + 8, content.index(b"<w:sectPr")
        declared, _, rest = (content[:start] + xml + content[end:]).partition(b"?>")
        return declared + b"?>" + doctype + rest

    return with_part("word/document.xml", change)


SEEDED = [document_format for document_format in DocumentFormat if seeds_of(document_format)]


def raw_pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n" % count + table
    return bytes(out) + end + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))


def pdf_of_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    pages = b"<</Type/Pages/Count %d/Kids[" % count + kids + b"]>>"
    return raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", pages, *([page] * count))


def lying_archive() -> bytes:
    """A Word document whose headers say that its text unpacks to a hundred bytes."""
    content = bytearray(with_body(b"<w:p><w:r><w:t>" + b"a" * 5_000_000 + b"</w:t></w:r></w:p>"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return bytes(content.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))


LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
CYCLE = b"<</Type/Pages/Count 1/Parent 2 0 R/Kids[2 0 R 3 0 R]>>"
FORM = (
    b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>/Length 5>>\nstream\n/X Do\nendstream"
)
FORM_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 4 0 R>>>>>>"
CATALOG, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>"

REFUSED: list[tuple[str, bytes, str, type[AgentError], str]] = [
    ("a PDF of 10,000 pages", pdf_of_pages(10_000), "a.pdf", ContentTooLarge, "10000 pages, at most 2000"),
    ("a PDF whose pages hold one another", raw_pdf(CATALOG, CYCLE, CYCLE), "a.pdf", InputInvalid, "PDF"),
    ("a PDF that draws itself", raw_pdf(CATALOG, PAGES, FORM_PAGE, FORM), "a.pdf", InputInvalid, "PDF"),
    (
        "macros under another name",
        with_part(
            "[Content_Types].xml",
            lambda content: content.replace(
                b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
                b"application/vnd.ms-word.document.macroEnabled.main+xml",
            ),
            **{"word/vbaProject.bin": b"\xd0\xcf\x11\xe0macro"},
        ),
        "a.docx",
        FormatUnsupported,
        r"may hold macros \(\.docm\); save it as \.docx",
    ),
    (
        "laughs in Word",
        with_body(b"<w:p><w:r><w:t>So &i; it is.</w:t></w:r></w:p>", f"<!DOCTYPE w:document [{LAUGHS}]>".encode()),
        "a.docx",
        InputInvalid,
        "damaged",
    ),
    ("an archive that lies about its sizes", lying_archive(), "a.docx", InputInvalid, "damaged"),
    (
        "a sheet called Word",
        with_part("word/document.xml", lambda content: content.replace(b"<w:body>", b"<w:nothing>")),
        "a.docx",
        InputInvalid,
        "damaged",
    ),
    ("a million columns", b"a," * 1_000_000 + b"b\n" + b"1," * 1_000_000 + b"2\n", "a.csv", ContentTooLarge, "200 f"),
    ("many fields", json.dumps({f"f{n}": "a" for n in range(200_000)}).encode(), "a.jsonl", ContentTooLarge, "200 f"),
    ("deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "a.jsonl", InputInvalid, "line 1 is not a JSON"),
    ("a giant number", b'{"a": ' + b"9" * 1_000_000 + b"}", "a.jsonl", InputInvalid, "line 1 is not a JSON"),
    ("NUL bytes", b"Hola" + bytes(4), "a.md", FormatUnsupported, "expected text"),
    ("cells in cells", b"<table><tr><td>" * 20_000 + CARD.encode(), "a.html", InputInvalid, "nest|no text|read as"),
    ("nothing but quotes in quotes", b">" * 200_000 + b"a", "a.md", InputInvalid, "nests elements"),
]

READ: list[tuple[str, bytes, str, str]] = [
    (
        "a PDF with a script",
        make_pdf(["Hola."]).replace(
            b"/Type /Catalog", b"/Type /Catalog /OpenAction <</S /JavaScript /JS (app.alert\\(1\\))>>"
        ),
        "a.pdf",
        "Hola.",
    ),
    (
        "macros in a plain document",
        with_part("", bytes, **{"word/vbaProject.bin": b"\xd0\xcf\x11\xe0macro"}),
        "a.docx",
        "Copias de seguridad",
    ),
    ("parts with paths", with_part("", bytes, **{"../../../tmp/orilla-was-here": b"x"}), "a.docx", "Plazos"),
    (
        "a file of the server in Word",
        with_body(
            b"<w:p><w:r><w:t>Hola &x;</w:t></w:r></w:p>",
            b'<!DOCTYPE w:document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        ),
        "a.docx",
        "Hola",
    ),
    ("lone surrogates", b'{"question": "a\\ud800b", "answer": "c\\udfff\\u0000d"}\n', "a.jsonl", "a b\n\nc  d"),
    ("infinity", b'{"question": "Hola", "n": 1e999999}\n', "a.jsonl", "Hola"),
    ("a huge table", b"<table>" + b"<tr><td>a<td>b" * 50_000, "a.html", "a: b"),
    ("marks without end", b"![" * 15_000, "a.md", "!["),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedParser]:
    opened = IsolatedParser(ParsingLimits())
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("content", "name", "refusal", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_hostile_document_is_refused_by_name(
    reader: IsolatedParser, content: bytes, name: str, refusal: type[AgentError], message: str
) -> None:
    with pytest.raises(refusal, match=message) as raised:
        reader.read(content, format_of(name))
    assert CARD not in str(raised.value)


@pytest.mark.parametrize(("content", "name", "text"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_strange_document_is_read_safely(reader: IsolatedParser, content: bytes, name: str, text: str) -> None:
    made = reader.read(content, format_of(name))
    assert text in made.text
    assert fault_of(made) is None
    assert not any(hint in made.text for hint in ("alert", "root:", "macro", "hahaha"))
    assert not Path("/tmp/orilla-was-here").exists()  # noqa: S108


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving() as start:
        yield start(tmp_path_factory.mktemp("hostile") / "store")


def test_a_server_that_is_sent_all_of_it_keeps_answering(server: Server) -> None:
    http = server.http
    http.post("/v1/documents", json={"source": "sound.md", "text": "Backups are kept for fourteen days."})
    for what, content, name, refusal, _ in REFUSED:
        response = http.post("/v1/documents/upload", files={"file": (name, content)}, data={"source": what})
        kind = "".join(f"-{c.lower()}" if c.isupper() else c for c in refusal.__name__).lstrip("-")
        assert (what, response.json().get("type")) == (what, f"urn:orilla:problem:{kind}")
        assert http.post("/v1/query", json={"text": "How long are backups kept?"}).json()["citations"]
    stored = {document["source"] for document in http.get("/v1/documents").json()["documents"]}
    assert "sound.md" in stored
    assert not stored & {what for what, *_ in REFUSED}
    assert http.get("/readyz").is_success
    assert psutil.Process(server.process.pid).memory_info().rss < 1_000_000_000


def test_questions_are_answered_while_a_parser_is_busy_with_many_documents(server: Server) -> None:
    """More documents at once than the server has threads to wait in."""
    from concurrent.futures import ThreadPoolExecutor

    slow = with_body(b"<w:p><w:r><w:t>" + b"a</w:t></w:r></w:p>" + b"<w:p/>" * 30_000)

    def upload(number: int) -> int:
        files = {"file": ("a.docx", slow)}
        return httpx.post(
            server.http.base_url.join("/v1/documents/upload"),
            files=files,
            data={"source": f"slow-{number}"},
            timeout=100,
            trust_env=False,
        ).status_code

    with ThreadPoolExecutor(50) as pool:
        uploads = [pool.submit(upload, number) for number in range(50)]
        time.sleep(1)
        is_busy = False
        for _ in range(5):
            is_busy = is_busy or not all(future.done() for future in uploads)
            assert server.http.post("/v1/query", json={"text": "How long are backups kept?"}).is_success
        assert {future.result() for future in uploads} <= {200, 201, 413, 422}
    assert is_busy


NAMES = ["../../etc/passwd.md", "/etc/passwd.md", "..\\..\\a.md", "a/../../b.md", "C:\\a.md", "%2e%2e/a.md", "~/a.md"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(server: Server, name: str) -> None:
    before = sorted(path.name for path in Path("/etc").glob("*.md"))
    added = server.http.post("/v1/documents", json={"source": name, "text": f"Text of {name}"})
    assert added.json()["document"]["source"] == name
    uploaded = server.http.post("/v1/documents/upload", files={"file": (name, b"Other text.")})
    assert uploaded.status_code in (200, 201)
    for document in server.http.get("/v1/documents").json()["documents"]:
        if document["source"] != "sound.md":
            server.http.delete(f"/v1/documents/{document['document_id']}").raise_for_status()
    assert sorted(path.name for path in Path("/etc").glob("*.md")) == before


@pytest.mark.parametrize("name", ["a\n.md", "\x1b[31m.md", "a\0.md", "\ud800.md", "", "a" * 501])
def test_a_name_that_is_none_is_refused(server: Server, name: str) -> None:
    for path, body in (
        ("/v1/documents", {"source": name, "text": "Hi."}),
        ("/v1/recommend", {"source": name}),
        ("/v1/feedback", {"text": "a", "source": name}),
    ):
        response = server.http.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
        assert (path, response.status_code) in [(path, 422), (path, 413)]
    body = {"text": "a", "source_prefix": name}
    searched = server.http.post("/v1/search", content=json.dumps(body), headers={"content-type": "application/json"})
    assert searched.status_code in (200, 422)


def test_a_file_whose_name_is_no_text_is_refused_and_the_others_go_in(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sound.md").write_text("Some text.")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.md")).write_text("Some text.")
    (folder / "a\nb.md").write_text("Some text.")
    (folder / "up").symlink_to("..", target_is_directory=True)
    synced = sync(agent, folder)
    assert (synced.added, len(synced.refused)) == (1, 3)
    assert list(agent.files("folder")) == ["sound.md"]


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), document_format=st.sampled_from(DocumentFormat))
def test_random_bytes_are_read_or_refused(content: bytes, document_format: DocumentFormat) -> None:
    for prefix in (b"", b"%PDF-1.7\n", b"PK\x03\x04"):
        assert not outcome_of(prefix + content, document_format).startswith("!")


@settings(max_examples=80, deadline=None)
@given(generator=st.randoms(use_true_random=False), document_format=st.sampled_from(SEEDED))
def test_spoilt_documents_are_read_or_refused(generator: "object", document_format: DocumentFormat) -> None:
    content = spoil(generator.choice(seeds_of(document_format)), document_format, generator)  # type: ignore[attr-defined, arg-type]
    assert not outcome_of(content, document_format).startswith("!")


def test_sound_seeds_are_read(reader: IsolatedParser) -> None:
    for document_format in DocumentFormat:
        for content in seeds_of(document_format):
            assert reader.read(content, document_format) == extract(content, document_format, ParsingLimits())


def test_a_spoilt_document_that_is_read_wrongly_is_noticed() -> None:
    made = extract(b"One.\n\nTwo.", DocumentFormat.TEXT, ParsingLimits())
    import dataclasses

    assert fault_of(made) is None
    assert fault_of(dataclasses.replace(made, blocks=made.blocks[::-1])) == "a block out of its place"
    assert fault_of(dataclasses.replace(made, title="\ud800")) == "lone surrogates"


def test_a_huge_heading_is_not_repeated_whole_with_every_passage(agent: Agent) -> None:
    heading, body = "word " * 20_000, "Some text of its own. " * 400
    agent.add_document("a.md", f"# {heading}\n\n## {heading}\n\n{body}".encode(), DocumentFormat.MARKDOWN)
    assert all(len(citation.heading) < 1000 for citation in agent.lookup.search("text"))


def test_a_document_of_word_with_a_title_that_is_no_text_goes_in(agent: Agent) -> None:
    document = docx.Document()
    document.core_properties.title = "Copias\u200b\n de\tseguridad"
    document.add_paragraph("Se hacen cada noche.")
    out = io.BytesIO()
    document.save(out)
    made = agent.add_document("a.docx", out.getvalue(), DocumentFormat.DOCX)
    assert "\n" not in made.document.title
