"""Files of examples: those that spreadsheets make are read, wrong ones are refused by their lines."""

import re
from pathlib import Path

import pytest

from student.intents.errors import IntentsRefused
from student.intents.examples import check_examples, read_examples
from student.intents.table_files import MAX_FILE_BYTES, TableName, parse_table

ROWS = [("my bill is wrong", "bill"), ("wrong amount", "bill"), ("la cuenta está mal", "bill")]
ROWS += [("site down", "outage"), ("nothing loads", "outage"), ("no carga", "outage")]
GOOD = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def read(folder: Path, content: str | bytes, name: str = "own.csv", known: tuple[str, ...] = ()) -> list[str]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_examples(path, languages=["en", "es"], known_labels=known).texts


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.replace(",", ";").replace("\n", "\r\n").encode(),
        GOOD.replace(",", "\t").encode("utf-16"),
        GOOD.replace("text,label", "Text, Intent").encode(),
    ],
    ids=["commas", "excel", "utf-16 tabs", "other names"],
)
def test_what_spreadsheets_save_is_read(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == [text for text, _ in ROWS]


def test_json_lines_and_quoted_line_breaks_are_read(tmp_path: Path) -> None:
    lines = "".join(f'{{"text": "{text}", "intent": "{label}", "id": 7}}\n' for text, label in ROWS)
    assert len(read(tmp_path, lines, "own.jsonl")) == 6
    assert read(tmp_path, GOOD + '"two\nlines",bill\n')[-1] == "two\nlines"


def test_a_repeated_row_counts_once(tmp_path: Path) -> None:
    assert len(read(tmp_path, GOOD + "SITE  DOWN,outage\n")) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + "refund,money\n", r"1 label\(s\) with fewer than 3 different texts: 'money' in line 8; add"),
        (GOOD + "Site down,bill\n", r"lines 5 and 8 have the same text with the labels 'outage' and 'bill'"),
        (GOOD + ",bill\n", "line 8 has no text"),
        (GOOD + "something,\n", "line 8 has no label"),
        (GOOD + "a\nb,bill\n", "line 8 has 1 columns, expected 2"),
        (GOOD + '"two\nlines",bill\nlast,Bill\n', "line 10 has the label 'Bill', line 2 has 'bill'; they differ only"),
        (GOOD + '"never closed,bill\n', "line 8 is not CSV"),
        ("text;intention\na;b\n", "line 2 has the columns text, intention, expected text, label"),
        ("text,label\n", "has no rows"),
        (GOOD.encode("latin-1"), "line 4 is not UTF-8; save it again"),
        (
            "text,label\n" + "".join(f"text {i},label {i}\n" for i in range(2000)),
            "has 2000 labels, expected at most 300",
        ),
        ("text,label\n" + "".join(f"text {i},bill\n" for i in range(7000)), "has 7000 rows, expected at most 6000"),
        ("text,label\n" + "".join(f"text {i},bill\n" for i in range(9)), "has one label, expected at least 2"),
        (b"text,label\n" + b"x" * (10 << 20), f"bytes, expected at most {MAX_FILE_BYTES}"),
        ("text,label,language\na,b,en\nc,d,fr\n", "line 3 has the language 'fr', expected one of en, es or none"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_lines(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(IntentsRefused, match=message):
        read(tmp_path, content)


def test_a_label_only_case_apart_from_the_bundles_is_refused_and_one_new_label_may_be_added(tmp_path: Path) -> None:
    with pytest.raises(IntentsRefused, match="line 2 has the label 'bill', the bundle has 'Bill'"):
        read(tmp_path, GOOD, known=("Bill",))
    assert len(read(tmp_path, "text,label\na b,x\nc d,x\ne f,x\n", known=("old",))) == 3


def test_json_that_is_none_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(IntentsRefused, match="line 2 is not a JSON object"):
        read(tmp_path, '{"text": "a", "label": "b"}\n[1]\n', "own.jsonl")


def test_out_of_scope_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(GOOD + "nice weather,Out of scope\n")
    examples = read_examples(path, languages=["en", "es"])
    assert (set(examples.labels), examples.outside) == ({"bill", "outage"}, ["nice weather"])


def test_refusals_of_a_table_that_is_not_shown_repeat_nothing_of_it() -> None:
    table = TableName("the file", is_shown=False)
    for more in ("refund,secret\n", "Site down,bill\n", "last,Bill\n", "x,y,secret\n", '"secret,bill\n'):
        with pytest.raises(IntentsRefused, match=r"(line|lines 5 and) 8") as refused:
            check_examples(parse_table((GOOD + more).encode(), table, suffix=".csv"), table, languages=["en"])
        assert not re.search("secret|bill|outage|site", str(refused.value), re.IGNORECASE)
    with pytest.raises(IntentsRefused, match="line 2 has the columns …, expected") as refused:
        parse_table(b"secret;other\na;b\n", table, suffix=".csv")
    assert "secret" not in str(refused.value)
