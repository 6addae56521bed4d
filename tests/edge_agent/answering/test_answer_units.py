"""The whole that an answer is made of, in guides as they are written, and where exactly it is cited."""

import re

import numpy as np
import pytest

from edge_agent.answering.composition import choose_units
from edge_agent.answering.evidence import Answering, Evidence, candidate_units
from edge_agent.answering.rendering import answer_markdown, answer_text
from edge_agent.answering.results import Citation
from edge_agent.answering.scoring import score_units
from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats.markdown import parse
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import Passage

PRINTER = """# Impresora de recibos

La impresora se conecta por USB o por red. Esto se decide al instalarla.

## Cambiar el rollo

Para cambiar el rollo de papel:

1. Apague la impresora.
2. Levante la tapa azul.

    > [!NOTE]
    > No toque el cabezal.

3. Meta el rollo con el papel hacia arriba.
4. Cierre la tapa y encienda la impresora.

Para obtener más información, consulte Rollos compatibles.

## Vea también

- [Rollos compatibles](rollos.md)
- [Limpiar el cabezal](limpiar.md)

¿Quiere imprimir en color?
"""
ACCOUNT = """# Closing an account

Before you close an account, check that it can be closed. These conditions hold for every plan:

- The balance is zero.
- No payment is pending.
- The card has been returned.

For more information, see:

- [Closing a card](card.md)
- [Pending payments](pending.md)

## Fees

| Plan | Closing fee | Refund of the card |
|------|-------------|--------------------|
| Blue | 10 euros    | 2 euros            |
| Gold | none        | 5 euros            |

## What happens to my savings?

They stay in the linked account. After a year they are paid out.

- A letter tells you when.

## E-417

The form was sent twice.

Wait an hour and send it again.
"""


def passages_of(markdown: str, *, max_tokens: int = 160) -> tuple[list[Passage], str]:
    """The passages of a guide, where a token is a word, and the text that they are cited from."""
    extract = parse(markdown.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
    starts = np.array([found.start() for found in re.finditer(r"\S+", extract.text)], dtype=np.int64)
    spans = chunk(extract, starts, max_tokens=max_tokens)
    return [
        Passage(
            n, "d1", "ab" * 32, "a.md", extract.title or "", "", s.heading, s.page, s.start, s.end, text, kind=s.kind
        )
        for n, s in enumerate(spans, start=1)
        for text in [extract.text[s.start : s.end]]
    ], extract.text


def cited_of(markdown: str, nearest: str, question: str = "", *, max_tokens: int = 160) -> list[Citation]:
    """The citations where the unit that holds some words is nearest; each is checked against the document's text."""
    passages, text = passages_of(markdown, max_tokens=max_tokens)
    candidates = candidate_units([(p, 0.5) for p in passages])
    near = np.array([0.9 if nearest in c.text else 0.1 for c in candidates], dtype=np.float32)
    found = Evidence(candidates, near, 0.5, 0.9, 0.5, around=passages)
    answering = Answering()
    citations = choose_units(found, answering, question, score_units(found, answering, question, language=""))
    by_id = {p.passage_id: p for p in passages}
    for citation in citations:
        holder = by_id[citation.passage_id]
        assert text[citation.start : citation.end] == citation.quote == citation.quote.strip()
        assert holder.start <= citation.start < citation.end <= holder.end
    return citations


STEPS = (
    "Para cambiar el rollo de papel:\n\n1. Apague la impresora.\n2. Levante la tapa azul.\n\n"
    "Note: No toque el cabezal.\n\n3. Meta el rollo con el papel hacia arriba.\n"
    "4. Cierre la tapa y encienda la impresora."
)


@pytest.mark.parametrize("nearest", ["Meta el rollo", "Apague", "Para cambiar el rollo"])
@pytest.mark.parametrize("max_tokens", [160, 12])
def test_steps_are_given_in_order_from_the_first_under_what_leads_to_them(nearest: str, max_tokens: int) -> None:
    said = answer_text(cited_of(PRINTER, nearest, max_tokens=max_tokens))
    assert re.sub(r"\s*Note: ", " Note: ", said).split() == STEPS.split()


def test_of_very_long_steps_those_up_to_the_one_found_are_given() -> None:
    steps = "\n".join(
        f"{n}. Gire la rueda {n} hasta que se oiga un clic y la luz de su lado se apague." for n in range(1, 26)
    )
    said = answer_text(cited_of(f"# Ruedas\n\nPara ajustar:\n\n{steps}\n", "rueda 17 "))
    assert [int(n) for n in re.findall(r"^(\d+)\.", said, re.M)] == list(range(1, 18))
    assert said.startswith("Para ajustar:")


def test_sentences_of_a_paragraph_that_belong_together_are_one_unit() -> None:
    said = cited_of(PRINTER, "Esto se decide")
    assert [c.quote for c in said] == ["La impresora se conecta por USB o por red. Esto se decide al instalarla."]


def test_of_a_long_paragraph_a_sentence_comes_with_the_one_it_refers_back_to() -> None:
    other = " ".join(f"The office on floor {n} keeps its own list of the keys that it has given out." for n in range(4))
    text = f"# Keys\n\n{other} A lost key is reported at the desk. This must be done within two days. {other}\n"
    (citation,) = cited_of(text, "This must be done")
    assert citation.quote.startswith("A lost key is reported at the desk. This must be done within two days.")
    assert len(citation.quote) <= Answering().bounds.paragraph


@pytest.mark.parametrize("nearest", ["No payment is pending", "These conditions hold"])
def test_a_list_is_given_whole_with_what_leads_to_it_and_without_links(nearest: str) -> None:
    said = answer_text(cited_of(ACCOUNT, nearest))
    assert said.endswith(
        "These conditions hold for every plan:\n\n- The balance is zero.\n- No payment is pending.\n"
        "- The card has been returned."
    )


def test_of_a_long_list_of_named_things_the_one_found_stands_alone() -> None:
    items = "\n".join(
        f"- MDVA-{n}: Fixes a fault in the part {n} of the shop that was seen now and then." for n in range(30)
    )
    (citation,) = cited_of(f"# Patches\n\nThis release has:\n\n{items}\n", "MDVA-21:")
    assert citation.quote == "- MDVA-21: Fixes a fault in the part 21 of the shop that was seen now and then."


def test_a_row_is_given_with_the_names_of_its_columns_and_no_pipes() -> None:
    citations = cited_of(ACCOUNT, "Plan: Gold")
    assert [c.quote for c in citations] == ["Plan: Gold | Closing fee: none | Refund of the card: 5 euros"]
    assert answer_text(citations) == "Plan: Gold; Closing fee: none; Refund of the card: 5 euros"
    assert answer_markdown(citations) == "**Plan**: Gold; **Closing fee**: none; **Refund of the card**: 5 euros"


def test_the_answer_to_a_question_is_given_whole_and_the_question_is_not() -> None:
    said = answer_text(cited_of(ACCOUNT, "After a year"))
    assert said == "They stay in the linked account. After a year they are paid out.\n\n- A letter tells you when."


def test_all_that_stands_under_a_code_that_is_asked_for_is_given() -> None:
    said = answer_text(cited_of(ACCOUNT, "Wait an hour", "What is E-417?"))
    assert said == "The form was sent twice.\n\nWait an hour and send it again."


@pytest.mark.parametrize(
    ("markdown", "nearest"),
    [
        (PRINTER, "Rollos compatibles"),
        (PRINTER, "Limpiar el cabezal"),
        (PRINTER, "en color"),
        (ACCOUNT, "Pending payments"),
        ("# A\n\nPut on gloves.\n\n[!Video https://videos.example/1]\n", "[!Video"),
        ("# A\n\nPut on gloves.\n\nSee below.\n", "See below"),
        ("# A\n\nPóngase guantes.\n\nVea más abajo.\n", "más abajo"),
        ("# A\n\nHome > Docs > Gloves\n\nPut on gloves.\n", "Home"),
    ],
)
def test_filler_is_not_given_though_it_is_nearest(markdown: str, nearest: str) -> None:
    said = answer_text(cited_of(markdown, nearest))
    assert said
    assert nearest not in said


def test_where_there_is_nothing_but_filler_nothing_is_cited() -> None:
    assert cited_of("# Guantes\n\nPara obtener más información, consulte el artículo siguiente.\n", "consulte") == []


def test_where_to_call_is_an_answer_though_it_says_where_there_is_more() -> None:
    said = cited_of("# Lines\n\nFor more information, call 900 123 456.\n", "900")
    assert [c.quote for c in said] == ["For more information, call 900 123 456."]


def test_the_same_is_not_given_twice() -> None:
    text = "# A\n\nWear gloves, as the edges are sharp.\n\nA short list.\n\nWear gloves, as the edges are sharp.\n"
    assert answer_text(cited_of(text, "Wear gloves")) == "Wear gloves, as the edges are sharp."


def test_markdown_shows_signs_of_the_text_as_they_are() -> None:
    text = (
        "# Keys\n\nRun this:\n\n- `kubeadm join <token> --name *`\n- Keep snake_case and `__init__`.\n  - Below it.\n"
    )
    assert answer_markdown(cited_of(text, "kubeadm")) == (
        "Run this:\n\n- kubeadm join \\<token> --name \\*\n- Keep snake_case and \\_\\_init\\_\\_.\n    - Below it."
    )


CLUSTER = """# A cluster

We follow the official instructions:

```bash
apt-get update
apt-get install -y apt-transport-https ca-certificates curl gpg
mkdir -p -m 755 /etc/apt/keyrings
curl -fsSL https://packages.example/core/stable/deb/Release.key | gpg --dearmor -o /etc/apt/keyrings/apt-keyring.gpg

echo 'deb [signed-by=/etc/apt/keyrings/apt-keyring.gpg] https://packages.example/core/stable/deb/ /' | tee /etc/apt/list

apt-get update
apt-get install -y kubelet
apt-mark hold kubelet
```

> The last command keeps the version.

| Part | Port |
|---|---|
| kubelet | 10250 |
The rest is up to you.

  - Items that are indented
  - and end the page
"""


@pytest.mark.parametrize("markdown", [PRINTER, ACCOUNT, CLUSTER])
@pytest.mark.parametrize("max_tokens", [24, 80, 160])
def test_whatever_is_nearest_is_cited_or_filler(markdown: str, max_tokens: int) -> None:
    passages, _ = passages_of(markdown, max_tokens=max_tokens)
    for candidate in candidate_units([(p, 0.5) for p in passages]):
        cited = cited_of(markdown, candidate.text, max_tokens=max_tokens)
        assert all(citation.quote for citation in cited)


def test_code_that_was_divided_keeps_its_lines_and_fences() -> None:
    cited = cited_of(CLUSTER, "apt-get install", max_tokens=24)
    assert "mkdir -p -m 755 /etc/apt/keyrings\ncurl -fsSL" in answer_text(cited)
    assert "/etc/apt/keyrings\n```\n```\ncurl" in answer_markdown(cited)
