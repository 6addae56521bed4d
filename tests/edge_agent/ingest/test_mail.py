"""Mail: the text that its reader sees once, whatever program wrote it, and its attachments."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from edge_agent.errors import AgentError, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Attachment, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

HEAD = b"From: Ana Ruiz <ana@acme.example>\nTo: soporte@acme.example\nSubject: Copias\n"


def read(content: bytes | EmailMessage) -> Extract:
    given = content if isinstance(content, bytes) else content.as_bytes(policy=SMTP)
    return extract(given, DocumentFormat.EML, ParsingLimits())


def mail(text: str = "Las copias se guardan 14 días.", *, subject: str = "Política de copias") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"] = subject, "Ana Ruiz <ana@acme.example>"
    made["To"], made["Date"] = "soporte@acme.example", "Mon, 02 Nov 2026 10:00:00 +0100"
    if text:
        made.set_content(text)
    return made


def test_subject_people_date_and_text_are_read() -> None:
    made = read(mail())
    assert (made.title, made.date) == ("Política de copias", "2026-11-02")
    assert made.text == (
        "Política de copias\n\nFrom: Ana Ruiz <ana@acme.example>\nTo: soporte@acme.example\n"
        "Date: 2026-11-02 10:00 UTC+01:00\n\nLas copias se guardan 14 días."
    )


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        (b"Mon, 02 Nov 2026 10:00:00 -0000", "Date: 2026-11-02 10:00"),
        (b"2 Nov 26 23:30 -0330", "Date: 2026-11-02 23:30 UTC-03:30"),
        (b"Mon, 99 Foo 2026 10:00:00 +0100", ""),
        (b"", ""),
    ],
)
def test_a_date_is_a_row_by_the_clock_of_who_wrote(stated: bytes, shown: str) -> None:
    made = read(HEAD + b"Date: " + stated + b"\n\nHola.")
    assert [line for line in made.text.split("\n") if line.startswith("Date")] == ([shown] if shown else [])


@pytest.mark.parametrize(
    "page",
    [
        "<p>Las copias se guardan <b>14 días</b>.</p>",
        "<table><tr><th>Plan</th><th>Copias</th></tr><tr><td>Marea</td><td>14 días</td></tr></table>",
    ],
)
def test_of_two_alternatives_one_is_read(page: str) -> None:
    message = mail("Las copias se guardan 14 días.")
    message.add_alternative(f"<html><body>{page}</body></html>", subtype="html")
    made = read(message)
    assert made.text.count("14 días") == 1
    assert ("Plan: Marea | Copias: 14 días" in made.text) == ("table" in page)


def test_what_is_left_out_of_a_page_is_counted_and_said() -> None:
    page = "<p hidden>SECRET</p><p>Las copias se guardan <s>7</s> 14 d\u200bías.</p>"
    made = read(HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + page.encode())
    assert "Las copias se guardan 14 días." in made.text
    assert (made.invisible_chars, made.notices) == (len("SECRET") + 1, ("struck text is left out (1 times)",))


def test_an_alternative_without_text_does_not_hide_the_other() -> None:
    message = mail("\n")
    message.add_alternative("<p>Las copias se guardan 14 días.</p>", subtype="html")
    assert "14 días" in read(message).text


def test_attachments_become_documents_and_pictures_of_the_page_do_not() -> None:
    message = mail()
    message.add_alternative('<p>Hola <img src="cid:logo"></p>', subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<logo>")  # type: ignore[union-attr, index]
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="año 2026.pdf")
    message.add_attachment("a;b\n1;2", subtype="csv", filename="../../precios.csv")
    made = read(message)
    assert [attachment.name for attachment in made.attachments] == ["año 2026.pdf", "precios.csv"]
    assert made.attachments[0].content == b"%PDF-1.7"
    assert "a;b" not in made.text


def test_a_mail_inside_a_mail_is_an_attachment_that_can_be_read() -> None:
    outer, inner = mail("Va adjunto."), mail(subject="Baja: / «servicio»")
    inner.add_attachment(b"x", maintype="application", subtype="octet-stream", filename="x.bin")
    outer.add_attachment(inner)
    (attached,) = read(outer).attachments
    assert attached.name == "Baja servicio.eml"
    again = read(attached.content)
    assert "14 días" in again.text
    assert again.attachments == (Attachment("x.bin", b"x"),)


def test_a_mail_of_nothing_but_attachments_is_accepted() -> None:
    message = mail("")
    message.add_attachment(b"abc", maintype="application", subtype="pdf", filename="a.pdf")
    assert len(read(message).attachments) == 1


@pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "iso-8859-1", "us-ascii", "x-unknown", ""])
def test_a_wrong_or_missing_charset_costs_no_letter(charset: str) -> None:
    declared = f"Content-Type: text/plain; charset={charset}\n".encode() if charset else b""
    encoding = "utf-8" if charset == "utf-8" else "windows-1252"
    body = "Envío en 24 horas: 5 €, también sábados.".encode(encoding)
    assert "Envío en 24 horas: 5 €, también sábados." in read(HEAD + declared + b"\n" + body).text


@pytest.mark.parametrize(
    "subject",
    [
        b"=?utf-8?q?Pol=C3=ADtica_de_?= =?utf-8?b?ZGV2b2x1Y2nDs24=?=",
        b"=?iso-8859-1?q?Pol=EDtica_de_devoluci=F3n?=",
        "Política de devolución".encode(),
        "Política de devolución".encode("latin-1"),
        b"=?x-none?q?Pol=C3=ADtica_de_devoluci=C3=B3n?=",
    ],
)
def test_a_subject_is_decoded_however_it_was_encoded(subject: bytes) -> None:
    made = read(b"From: a@b.example\nSubject: " + subject + b"\n\nHola.")
    assert made.title == "Política de devolución"


def test_names_of_attachments_are_decoded_after_both_rules() -> None:
    part = (
        b'--x\nContent-Type: application/pdf; name="=?utf-8?q?a=C3=B1o=2Epdf?="\nContent-Disposition: attachment\n\nA\n'
    )
    other = (
        b"--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''a%C3%B1o2.pdf\n\nB\n"
    )
    made = read(HEAD + b'Content-Type: multipart/mixed; boundary="x"\n\n' + part + other + b"--x--\n")
    assert [attachment.name for attachment in made.attachments] == ["año.pdf", "año2.pdf"]


def test_files_written_into_the_text_are_attached() -> None:
    body = b"Hola.\n\nbegin 644 nota.txt\n#0V%T\n`\nend\n\nFin.\n"
    made = read(HEAD + b"\n" + body)
    assert made.attachments == (Attachment("nota.txt", b"Cat"),)
    assert "begin 644" not in made.text
    assert "Fin." in made.text


def test_what_is_left_out_is_said() -> None:
    message = mail()
    message.add_attachment(b"x", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    message.add_attachment("BEGIN:VCALENDAR", subtype="calendar")
    made = read(message)
    assert not made.attachments
    assert any("winmail.dat" in notice for notice in made.notices)
    assert any("calendar" in notice for notice in made.notices)


@pytest.mark.parametrize(
    "kind", [b"multipart/encrypted; boundary=x", b"application/pkcs7-mime; smime-type=enveloped-data"]
)
def test_an_encrypted_mail_is_refused_clearly(kind: bytes) -> None:
    with pytest.raises(FormatUnsupported, match="encrypt"):
        read(HEAD + b"Content-Type: " + kind + b"\n\n--x\n\nabc\n--x--\n")


def test_quotations_and_signatures_keep_their_words() -> None:
    made = read(HEAD + b"\nSi.\n\n> Se guardan las copias?\n\n-- \nAna Ruiz, Soporte\n")
    assert "Se guardan las copias?" in made.text
    assert ">" not in made.text.split("Si.")[1]
    assert "Ana Ruiz, Soporte" in made.text


def test_recipients_past_the_first_are_counted() -> None:
    people = b", ".join(b'"Ruiz, A%d" <a%d@b.example>' % (n, n) for n in range(30))
    made = read(b"From: a@b.example\nTo: " + people + b"\nSubject: Hola\n\nHola.")
    assert '"Ruiz, A9" <a9@b.example> and 20 more' in made.text


HOSTILE = {
    "no head": b"Just some text.\n\nAnd more.",
    "nested without end": HEAD
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000)),
    "many parts": HEAD
    + b"Content-Type: multipart/mixed; boundary=x\n\n"
    + b"--x\nContent-Type: application/pdf\n\nA\n" * 5_000,
    "a long head": b"To: " + b'a,("' * 500_000 + b"\n\nHola.",
    "encoded words": b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nHola.",
    "begins": HEAD + b"\n" + b"begin 644 a\n" * 50_000,
    "bad date": b"From: a@b.example\nDate: Mon, 99 Foo 99999999 99:99:99 +9999\n\nHola.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_mail_is_read_in_bounds_or_refused(content: bytes) -> None:
    try:
        made = read(content)
    except InputInvalid as error:
        assert "A" not in str(error).split()
        return
    assert len(made.attachments) <= 100
    assert len(made.notices) <= 100


def test_a_mail_in_utf_16_is_read() -> None:
    assert "Hola, año." in read((HEAD.decode() + "\nHola, año.").encode("utf-16")).text


def test_what_is_no_mail_is_refused() -> None:
    for content in (b"\x89PNG\r\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        with pytest.raises(AgentError):
            read(content)
