"""The corpus: what comes in, what is held out, and the refusal of files of another form."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from student.artifacts.json_lines import DataRefused, is_held_out
from teacher.corpora.corpus import Corpus, Example, corpus_lineage, read_corpus
from teacher.corpora.recipe import CorpusRecipe, Source, read_corpus_recipe
from teacher.roles import Role
from tests.conftest import ROOT, require_data

GUIDE = "# How to pay\n\nOpen the page of invoices and choose one. Then press the button to pay it.\n"


def source(kind: str, file: str, **fields: object) -> Source:
    return Source.model_validate({"mix": kind, "kind": kind, "file": file, "license": "Apache-2.0", **fields})


def write_rows(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read(data: Path, *sources: Source, held_out: tuple[Source, ...] = (), areas: tuple[str, ...] = ()) -> Corpus:
    recipe = CorpusRecipe(name="test", source=list(sources), guides_held_out=list(held_out), areas_held_out=list(areas))
    return read_corpus(recipe, data)


def test_translations_are_linked(tmp_path: Path) -> None:
    write_rows(tmp_path / "pairs.jsonl", {"en": "Pay now", "es": "Pague ahora"})
    corpus = read(tmp_path, source("pairs", "pairs.jsonl"))
    assert corpus.examples == [
        Example("Pay now", "en", Role.PASSAGE, "pairs"),
        Example("Pague ahora", "es", Role.PASSAGE, "pairs"),
    ]
    assert corpus.links.translations.tolist() == [[0, 1]]


def test_a_question_is_linked_with_its_answer_in_both_languages(tmp_path: Path) -> None:
    row = {
        "id": "shop:es:pay#2",
        "lang": "es",
        "ask": "¿Cómo pago?",
        "ask_en": "How do I pay?",
        "head": "",
        "body": "Así.",
    }
    write_rows(tmp_path / "faq.jsonl", row)
    faq = source("answers", "faq.jsonl", field="ask", answer=["head", "body"], translated="ask_en")
    corpus = read(tmp_path, faq)
    assert [(e.text, e.language, e.role) for e in corpus.examples] == [
        ("¿Cómo pago?", "es", "query"),
        ("Así.", "es", "passage"),
        ("How do I pay?", "en", "query"),
    ]
    assert corpus.links.answers.tolist() == [[0, 1], [2, 1]]
    assert corpus.links.areas == ["shop", "shop"]
    assert corpus.links.translations.tolist() == [[2, 0]]
    assert read(tmp_path, faq, areas=("shop",)).examples == []


def test_a_written_question_is_linked_with_the_passage_that_answers_it() -> None:
    data = require_data("help_guides/en.jsonl").parents[1]
    recipe = read_corpus_recipe(ROOT / "teacher" / "recipes" / "bilingual.toml")
    written = next(each for each in recipe.source if each.kind == "written")
    corpus = read_corpus(recipe.model_copy(update={"source": [written]}), data)
    rows = {row["text"]: row for row in map(json.loads, written.path(data).read_text().splitlines())}
    questions = [example for example in corpus.examples if example.role == Role.QUERY]
    assert len(questions) == len(corpus.links.answers) > 300
    for asked, answering in corpus.links.answers.tolist():
        row, passage = rows[corpus.examples[asked].text], corpus.examples[answering]
        assert (row["kind"], passage.role) == ("answered", Role.PASSAGE)
        assert not is_held_out(row["guide"].split(":")[-1], 0.2)
        assert row["guide"].split(":")[0] not in recipe.areas_held_out
    assert next(origin.name for origin in corpus_lineage(recipe, data)) == "answerability.jsonl"


def test_all_questions_of_a_page_are_held_out_together(tmp_path: Path) -> None:
    rows = [
        {"id": f"shop:en:page-{n}#{k}", "q": f"What is {n} {k}?", "a": f"It is {n} {k}."}
        for n in range(30)
        for k in "ab"
    ]
    write_rows(tmp_path / "faq.jsonl", *rows)
    corpus = read(tmp_path, source("answers", "faq.jsonl", field="q", answer=["a"], hold_out=0.4))
    left = {e.text.split()[2] for e in corpus.examples if e.role == "query"}
    assert left == {str(n) for n in range(30) if not is_held_out(f"page-{n}", 0.4)}


def test_a_capped_area_gives_its_share_only(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "t.jsonl", *({"id": f"{'big' if n % 2 else 'small'}:{n}", "text": f"text {n}"} for n in range(200))
    )
    corpus = read(tmp_path, source("texts", "t.jsonl", capped=["big"], capped_share=0.2))
    odd = sum(int(e.text.split()[1]) % 2 for e in corpus.examples)
    assert (len(corpus.examples) - odd, 5 < odd < 40) == (100, True)


def test_empty_and_repeated_texts_and_blank_lines_are_left_out(tmp_path: Path) -> None:
    rows = [{"text": "one"}, {"text": "  "}, {"text": "one"}, {"text": " two "}]
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n\n")
    assert {e.text for e in read(tmp_path, source("texts", "texts.jsonl")).examples} == {"one", "two"}


def test_passages_join_consecutive_pairs_of_both_languages_alike(tmp_path: Path) -> None:
    write_rows(tmp_path / "p.jsonl", *({"en": f"en {n}", "es": f"es {n}"} for n in range(20)))
    corpus = read(tmp_path, source("passages", "p.jsonl"))
    assert 2 * len(corpus.links.translations) == len(corpus.examples)
    for one, other in corpus.links.translations:
        english, spanish = corpus.examples[one], corpus.examples[other]
        assert spanish.text == english.text.replace("en", "es")
        assert 1 <= english.text.count("en") <= 6


def test_guides_give_titles_excerpts_and_passages_of_one_language(tmp_path: Path) -> None:
    row = {"id": "x:en:pay", "lang": "en", "title": "How to pay", "excerpt": "Paying.", "body_markdown": GUIDE}
    write_rows(tmp_path / "g.jsonl", row, row | {"id": "x:es:pay", "lang": "es", "title": "Cómo pagar"})
    texts = [e.text for e in read(tmp_path, source("guides", "g.jsonl", language="en")).examples]
    assert texts[:2] == ["How to pay", "Paying."]
    assert "press the button" in texts[2]
    assert len(texts) == 3


def test_what_is_held_out_comes_in_by_no_way(tmp_path: Path) -> None:
    keys = [f"guide-{n}" for n in range(40)]
    guides = [
        {"id": f"x:en:{key}", "lang": "en", "title": f"Title {key}", "body_markdown": f"The {key} says so and so."}
        for key in keys
    ]
    write_rows(tmp_path / "g.jsonl", *guides)
    write_rows(
        tmp_path / "p.jsonl", *({"en": f"The **{key}** says so, and so", "es": f"La {key} dice eso"} for key in keys)
    )
    mine = source("guides", "g.jsonl", language="en", hold_out=0.3)
    corpus = read(tmp_path, mine, source("pairs", "p.jsonl"), source("passages", "p.jsonl"), held_out=(mine,))
    held_out = [key for key in keys if is_held_out(key, 0.3)]
    assert 4 < len(held_out) < 24
    everything = "\n".join(e.text for e in corpus.examples) + "\n"
    for key in keys:
        came_in = f"{key} " in everything or f"{key}*" in everything
        assert came_in == (key not in held_out)


def test_the_lineage_names_whom_the_innermost_attribution_names(tmp_path: Path) -> None:
    files = ("a/b/one.jsonl", "a/b/two.jsonl", "a/three.jsonl", "four.jsonl", str(tmp_path / "five.jsonl"))
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        write_rows(tmp_path / file, {"text": file})
    recipe = CorpusRecipe(
        name="test",
        attributions={"a": "outer", "a/b": "inner", "a/b/two.jsonl": "its own"},
        source=[source("texts", file) for file in files],
    )
    found = {origin.name: origin.attribution for origin in corpus_lineage(recipe, tmp_path)}
    assert found == {
        "a/b/one.jsonl": "inner",
        "a/b/two.jsonl": "its own",
        "a/three.jsonl": "outer",
        "four.jsonl": None,
        "five.jsonl": None,  # of a whole path the name alone
    }


def test_holding_out_depends_on_the_key_alone() -> None:
    assert is_held_out("LocalFunctionality/Spain/cartera-module", 1.0)
    assert not is_held_out("LocalFunctionality/Spain/cartera-module", 0.0)
    share = sum(is_held_out(str(n), 0.2) for n in range(5000)) / 5000
    assert share == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_text("not json\n"), "line 1 is not a JSON object"),
        (lambda path: path.write_bytes(b'{"text": "caf\xe9"}\n'), "line 1 is not a JSON object"),
        (lambda path: path.write_text("[1]\n"), "line 1 is not a JSON object"),
        (
            lambda path: path.write_text('{"name": "x"}\n'),
            r"without the text column 'text'; its columns are \['name'\]",
        ),
        (lambda path: path.write_text('{"text": 7}\n'), "without the text column"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, spoil: Callable[[Path], object], match: str) -> None:
    write_rows(tmp_path / "texts.jsonl", {"text": "one"})
    spoil(tmp_path / "texts.jsonl")
    with pytest.raises(DataRefused, match=match):
        read(tmp_path, source("texts", "texts.jsonl"))


@pytest.mark.parametrize("text", ["", "name = 1", "[[source]]\nkind = 'other'", "not toml ["])
def test_recipes_of_another_form_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(DataRefused, match=r"recipe .* is (refused: \d+ problem\(s\), first in|not TOML in UTF-8)"):
        read_corpus_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize("name", ["public", "bilingual"])
def test_the_recipes_that_ship_name_only_files_that_are_there(name: str) -> None:
    data = require_data("banking77/train.jsonl").parents[1]
    recipe = read_corpus_recipe(ROOT / "teacher" / "recipes" / f"{name}.toml")
    for item in (*recipe.source, *recipe.guides_held_out):
        assert item.path(data).is_file()


def test_a_whole_source_stays_whole_in_a_share_of_the_corpus(tmp_path: Path) -> None:
    for name in ("some", "all"):
        write_rows(tmp_path / f"{name}.jsonl", *({"text": f"{name} {n}"} for n in range(100)))
    sources = [source("texts", "some.jsonl"), source("texts", "all.jsonl", is_whole=True)]
    taken = read_corpus(CorpusRecipe(name="test", source=sources), tmp_path, share=0.3).examples
    assert sum(example.text.startswith("all") for example in taken) == 100
    assert 10 < sum(example.text.startswith("some") for example in taken) < 50


def test_a_share_of_the_corpus_keeps_translations_together(tmp_path: Path) -> None:
    write_rows(tmp_path / "pairs.jsonl", *({"en": f"text {n}", "es": f"texto {n}"} for n in range(200)))
    recipe = CorpusRecipe(name="test", source=[source("pairs", "pairs.jsonl")])
    some = read_corpus(recipe, tmp_path, share=0.3).examples
    assert 80 < len(some) < 160
    assert {example.text for example in some if example.text.startswith("texto")} == {
        example.text.replace("text", "texto") for example in some if not example.text.startswith("texto")
    }
    assert read_corpus(recipe, tmp_path, share=0.0).examples == []
    assert read_corpus(recipe, tmp_path).examples[: len(some)] == some  # a larger share goes on after a smaller one


def test_pages_are_as_long_as_a_window_and_join_as_many_pairs_as_asked(tmp_path: Path) -> None:
    body = " ".join(f"w{n}" for n in range(400))
    write_rows(tmp_path / "guides.jsonl", {"id": "x:en:a", "lang": "en", "title": "t", "body_markdown": body})
    pages = read(tmp_path, source("guide_pages", "guides.jsonl", language="en")).examples
    assert sorted(len(example.text.split()) for example in pages) == [40, 180, 180]
    write_rows(tmp_path / "pairs.jsonl", *({"en": f"text {n}", "es": f"texto {n}"} for n in range(60)))
    joined = read(tmp_path, source("passages", "pairs.jsonl", joined=(5, 9))).examples
    lengths = sorted(len(example.text.split("\n")) for example in joined)
    assert (lengths[2] >= 5, lengths[-1] <= 9) == (True, True)  # the last pairs of the file may be fewer
    assert sum(len(example.text.split("\n")) for example in joined) == 120
