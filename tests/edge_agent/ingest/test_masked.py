"""Documents masked at ingest: nothing personal on disk, blocks and passages where their text is, names refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid
from edge_agent.ingest.masked import masked_extract
from edge_agent.ingest.outcome import Outcome
from edge_agent.ingest.parsing.blocks import Attachment, Block, BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from tests.conftest import ServeStore, run_orilla
from tests.edge_agent.ingest.test_mail import mail

SECRETS = ["ana@correo.example", "12345678Z", "612 345 678", "4111 1111 1111 1111", "ES91 2100 0418 4502 0005 1332"]
TEXT = (
    f"# Caso de {SECRETS[0]}\n\nLa clienta con DNI {SECRETS[1]} pide el reembolso de su tarjeta {SECRETS[3]}.\n\n"
    + (f"- Teléfono {SECRETS[2]}\n- Cuenta {SECRETS[4]}\n\nLos reembolsos tardan diez días laborables.\n")
)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nothing_personal_of_a_masked_document_is_on_disk_and_it_answers(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path, masks_documents=True)) as agent:
        document = agent.add_document("caso.md", TEXT.encode(), DocumentFormat.MARKDOWN, tags=["urgente"]).document
        shown = agent.shown_document(document.document_id)
        answer = agent.questions.query("¿Cuánto tardan los reembolsos?")
        while_open = on_disk(tmp_path)
    assert document.title == "Caso de [EMAIL_1]"
    assert "DNI [ID_1] pide el reembolso de su tarjeta [CARD_1]." in shown.text
    assert document.notices == ("personal data were masked: 1 card, 1 email, 1 iban, 1 id, 1 phone",)
    assert answer.answer is not None
    assert "diez días laborables" in answer.answer
    for secret in SECRETS:
        assert secret.encode() not in while_open + on_disk(tmp_path)


def test_the_same_bytes_are_ingested_again_once_documents_are_masked(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        before = agent.add_document("a.md", TEXT.encode(), DocumentFormat.MARKDOWN)
        assert SECRETS[1] in agent.shown_document(before.document.document_id).text
    with Agent(AgentSettings(tmp_path, masks_documents=True)) as agent:
        after = agent.add_document("a.md", TEXT.encode(), DocumentFormat.MARKDOWN)
        assert (before.outcome, after.outcome) == (Outcome.ADDED, Outcome.REPLACED)
        assert SECRETS[1] not in agent.shown_document(after.document.document_id).text
        assert agent.add_document("a.md", TEXT.encode(), DocumentFormat.MARKDOWN).outcome is Outcome.UNCHANGED


def test_mails_are_masked_with_the_names_of_their_attachments(tmp_path: Path) -> None:
    message = mail("Mi DNI es 12345678Z.", subject="Queja de 12345678Z")
    message.add_attachment(b"El DNI 12345678Z caduca.", maintype="text", subtype="plain", filename="dni 12345678Z.txt")
    with Agent(AgentSettings(tmp_path, masks_documents=True)) as agent:
        agent.add_document("queja.eml", message.as_bytes(), DocumentFormat.EML)
        sources = [document.source for document in agent.documents()]
    assert sources == ["queja.eml", "queja.eml/dni [ID_1].txt"]
    assert b"12345678Z" not in on_disk(tmp_path)
    assert b"ana@acme.example" not in on_disk(tmp_path)


def test_a_source_that_holds_personal_data_is_refused_and_not_kept(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path, masks_documents=True)) as agent:
        with pytest.raises(InputInvalid, match="source holds personal data") as refused:
            agent.add_document("12345678Z.md", b"# a\n\nb c.", DocumentFormat.MARKDOWN)
        agent.mark_stale("", "12345678Z.md", str(refused.value))
        assert "12345678Z" not in str(refused.value)
    assert b"12345678Z" not in on_disk(tmp_path)


@given(
    st.lists(st.sampled_from(["hola", "a@b.example", "12345678Z", " ", "\n", "x", "612 345 678"]), max_size=12),
    st.data(),
)
def test_blocks_stay_in_order_and_in_the_text(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8, unique=True)))
    blocks = tuple(
        Block(BlockKind.PARAGRAPH, start, end) for start, end in zip(places[::2], places[1::2], strict=False)
    )
    masked = masked_extract(Extract(text, None, blocks, attachments=(Attachment("a@b.example", b""),)))
    ends = [place for block in masked.blocks for place in (block.start, block.end)]
    assert ends == sorted(ends)
    assert all(0 <= place <= len(masked.text) for place in ends)
    assert masked.attachments[0].name.startswith("[EMAIL_")


def test_a_text_without_personal_data_is_as_it_was() -> None:
    extract = Extract("Los pagos", "Pagos", (Block(BlockKind.PARAGRAPH, 0, 9),), notices=("a",))
    assert masked_extract(extract) == extract


def test_a_server_that_masks_no_documents_is_given_none_that_are_to_be_masked(
    serve: ServeStore, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "caso.md").write_text(TEXT, encoding="utf-8")
    store = tmp_path / "store"
    server = serve(store)
    command = ["edge", "ingest", str(tmp_path / "docs"), "--store", str(store), "--mask-documents"]
    refused = run_orilla(*command)
    assert (refused.returncode, server.http.get("/v1/documents").json()["documents"]) == (2, [])
    assert "start it again with --mask-documents" in refused.stderr
    server.process.terminate()
    server.process.wait(timeout=30)
    masking = serve(store, "--mask-documents")
    assert run_orilla(*command).returncode == 0
    (document,) = masking.http.get("/v1/documents").json()["documents"]
    assert document["title"] == "Caso de [EMAIL_1]"
    assert SECRETS[0].encode() not in on_disk(store)
