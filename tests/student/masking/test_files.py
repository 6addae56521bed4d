"""Files masked into copies: whole or not at all, readable by their owner, nothing personal left or said."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orilla
from student.artifacts.json_lines import DataRefused
from student.masking.files import mask_file


def test_a_text_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "mail.txt").write_text("soy ana@correo.example\r\n(ana@correo.example)\n", encoding="utf-8")
    counts = mask_file(tmp_path / "mail.txt", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == b"soy [EMAIL_1]\r\n([EMAIL_1])\n"
    assert (counts.documents, dict(counts.kinds)) == (1, {"email": 2})
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o600


def test_the_name_of_a_column_says_what_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('DNI;pedido;"nota"\n30123456;30123456;"a;b@c.example"\n', encoding="utf-8")
    mask_file(tmp_path / "a.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text(
        encoding="utf-8"
    ) == "DNI;pedido;nota\n[ID_1];30123456;a;[EMAIL_1]\n".replace("a;[EMAIL_1]", '"a;[EMAIL_1]"')
    rows = [{"phone": 5512345678, "count": 5512345678, "deep": {"emails": ["a@b.example", "c@d.example"]}}, {"x": None}]
    (tmp_path / "a.jsonl").write_text("\n\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    counts = mask_file(tmp_path / "a.jsonl", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")
    assert json.loads(lines[0]) == {
        "phone": "[PHONE_1]", "count": 5512345678, "deep": {"emails": ["[EMAIL_1]", "[EMAIL_2]"]},
    }  # fmt: skip
    assert (lines[1], json.loads(lines[2]), counts.documents) == ("", {"x": None}, 2)


def test_named_columns_alone_are_masked(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tb\r\nx@y.example\tx@y.example\r\n", encoding="utf-8", newline="")
    mask_file(tmp_path / "a.tsv", tmp_path / "out.tsv", ["b"])
    assert (tmp_path / "out.tsv").read_bytes() == b"a\tb\r\nx@y.example\t[EMAIL_1]\r\n"


@pytest.mark.parametrize(
    ("name", "content", "columns", "said"),
    [
        ("a.txt", b"caf\xe9", [], "not in UTF-8; convert it"),
        ("a.txt", b"x", ["text"], "plain text and has no columns"),
        ("a.jsonl", b'{"a": "x"}\n[1]\n', [], "line 2 is not a JSON object"),
        ("a.jsonl", b'{"a": "x"}\n', ["text"], "line 1 has no column 'text'; expected one of"),
        ("a.csv", b"ana@correo.example,2\n", ["text"], r"has no column 'text'; expected one of \['2', '\[EMAIL_1\]'\]"),
        ("a.csv", b'a,b\n"x,y\n', [], "is no table: unexpected end of data"),
    ],
)
def test_what_is_refused_leaves_no_copy(
    tmp_path: Path, name: str, content: bytes, columns: list[str], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataRefused, match=said):
        mask_file(tmp_path / name, tmp_path / "out" / name, columns)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_copy_never_replaces_a_file(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("ana@correo.example", encoding="utf-8")
    with pytest.raises(DataRefused, match="is there already; name another folder"):
        mask_file(tmp_path / "a.txt", tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == "ana@correo.example"


def test_the_command_counts_and_writes_only_where_it_is_asked_to(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ana@correo.example, DNI 12345678Z", encoding="utf-8")
    counted = CliRunner().invoke(orilla.app, ["student", "mask", str(tmp_path / "a.txt")])
    assert "1 documents, 2 masked" in counted.stdout
    assert "Nothing was written" in counted.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    written = CliRunner().invoke(
        orilla.app, ["student", "mask", str(tmp_path / "a.txt"), "--out", str(tmp_path / "out"), "--json"]
    )
    assert json.loads(written.stdout)["files"][str(tmp_path / "a.txt")]["kinds"] == {"email": 1, "id": 1}
    assert (tmp_path / "out" / "a.txt").read_text(encoding="utf-8") == "[EMAIL_1], DNI [ID_1]"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
