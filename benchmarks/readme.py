"""Writes the README's figures from `benchmarks/results`, between two marks, so that no number is typed by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.closed_loop_readme import render_loop, render_words
from benchmarks.federated_readme import render_adapter, render_audit, render_heads, render_labels, render_scale
from benchmarks.scale import fast_enough
from student.evaluation.report import render_table

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


def update_readme(results: Path) -> None:
    """Replaces what stands between the marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{render(results)}\n{END}{after}", encoding="utf-8")


def render(results: Path) -> str:
    """The figures of what has been measured, as Markdown."""
    parts = {
        "serving": _serving,
        "distillation": _distillation,
        "hybrid": _hybrid,
        "known_items": _guides,
        "demo": _demo,
        "conversations": _conversations,
        "recommend": _recommend,
        "federation": render_heads,
        "federated_labels": render_labels,
        "federated_adapter": render_adapter,
        "federated_audit": render_audit,
        "federated_scale": render_scale,
        "closed_loop": render_loop,
        "closed_loop_words": render_words,
        "scale": _scale,
        "million": _million,
        "kills": _kills,
    }
    measured = {name: results / f"{name}.json" for name in parts if (results / f"{name}.json").exists()}
    return "\n\n".join(parts[name](_read(path)) for name, path in measured.items())


def _serving(result: dict[str, Any]) -> str:
    machine, systems, agent = (result[key] for key in ("machine", "systems", "agent"))
    ratios = result["times_better_than_sentence_transformers"]
    bundle, minilm, torch = (systems[name] for name in ("bundle", "minilm-int8", "sentence-transformers"))
    rows = [
        ("one question, encode and search, p50", "encode_and_search.p50_ms", " ms", "encode_and_search_p50"),
        ("the same, p95", "encode_and_search.p95_ms", " ms", "encode_and_search_p95"),
        ("passages encoded a second", "passages_per_s", "", "passages_per_s"),
        ("start to first embedding", "cold_start_s", " s", "cold_start"),
        ("memory after loading", "resident_loaded_mb", " MB", "resident_loaded"),
        ("memory after all passages", "resident_after_mb", " MB", "resident_after"),
        ("installed size", "install_mb", " MB", "install"),
    ]
    table = [
        f"| {what} | {_at(bundle, key)}{unit} | {_at(minilm, key)}{unit} | {_at(torch, key)}{unit} "
        f"| {ratios['bundle'][ratio]}× | {ratios['minilm-int8'][ratio]}× |"
        for what, key, unit, ratio in rows
    ]
    against_minilm = result["times_better_than_minilm_int8"]
    http, inside = agent["over_http"], agent["inside_the_process"]
    return "\n".join(
        [
            f"**Speed and size**, on the same {result['passages']} passages and {result['questions']} questions, "
            f"medians of {result['turns']} turns on {machine['cores']} cores of an {machine['cpu']} ("
            f"{machine['date']}, "
            f"sentence-transformers {machine['packages']['sentence-transformers']}, torch "
            f"{machine['packages']['torch']}). The two MiniLM columns have the same weights:",
            "",
            "| | default bundle | MiniLM int8, same runtime | MiniLM, sentence-transformers | bundle / s-t "
            "| MiniLM int8 / s-t |",
            "|---|---|---|---|---|---|",
            *table,
            "",
            f"The bundle encodes and searches {against_minilm['encode_and_search_p50']}× as fast as the six-layer int8 "
            f"export and encodes {against_minilm['passages_per_s']}× the passages a second.",
            "",
            f"A whole answer takes {inside['query']['p50_ms']} ms inside the process and {http['query']['p50_ms']} ms "
            f"over HTTP (p50; p95 {inside['query']['p95_ms']} and {http['query']['p95_ms']}), a search "
            f"{http['search']['p50_ms']} ms over HTTP; four clients get {http['queries_per_s_with_4_clients']} answers "
            f"a second. The server is ready {http['cold_start_s']} s after it is started and holds "
            f"{http['resident_after_mb']} MB. Ingest takes in {agent['ingest_passages_per_s']} passages a second.",
        ]
    )


def _distillation(result: dict[str, Any]) -> str:
    tasks = result["tasks"]
    spanish = result["share_of_teacher_language"]["bundle"]["guides es-es"]["nDCG@10"]
    return "\n".join(
        [
            f"**The student beside its teacher**, on {tasks['guides en-en']['documents']} guides, "
            f"{tasks['paragraphs en-es']['documents']} paragraphs (in both languages), and messages that training has "
            "not seen: title → guide, paragraph → translation, question → section, and intents by logistic regression "
            "on the embeddings. Asymmetric searches the teacher's documents. In brackets, the share of the teacher's "
            "figure; the teacher, float32, reads English only. In Spanish the bundle keeps "
            f"{spanish:.1%} of the teacher's English (title → guide). Recall, macro-F1 and calibration, the student in "
            "float32, and plots are in [docs/evaluation](docs/evaluation/student.md):",
            "",
            render_table(result, ("nDCG@10", "accuracy", "out-of-scope AUROC")),
        ]
    )


def _hybrid(result: dict[str, Any]) -> str:
    rows = [
        f"| {base} | {language} | {f['questions']} | {f['words']} | {f['meaning']} | {f['both']} |"
        for base, by_language in result["bases"].items()
        for language, f in by_language.items()
    ]
    return "\n".join(
        [
            "**Words, meaning, and both**: nDCG@10 of the document that is asked for, by BM25 alone, by embeddings "
            f"alone, and by search as it is: words weigh {result['words']}, and up to {result['quoted']} more the more "
            "a question is a quotation (chosen on the other half of the questions):",
            "",
            "| base | language | questions | words | meaning | both |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _guides(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {by} | {f['questions']} | {f['hit_at_1']} | {f['hit_at_5']} | {f['mrr']} |"
        for name, language in (("English", "en"), ("Spanish", "es"))
        for by, f in ((key[3:].replace("_", " "), result[language][key]) for key in result[language])
    ]
    return "\n".join(
        [
            f"**Finding a real guide** among {result['guides']} in two languages ({result['passages']} passages), "
            "asked by its title or its excerpt, with titles masked out of what is indexed:",
            "",
            "| guides | asked by | questions | hit@1 | hit@5 | MRR |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _recommend(result: dict[str, Any]) -> str:
    rows = [
        f"| {language} | {name} | {f['precision@5']} | {f['recall@10']} | {f['intra-list diversity']} |"
        for language, systems in (("English", result["en"]), ("Spanish", result["es"]))
        for name, f in systems.items()
    ]
    return "\n".join(
        [
            "**Articles offered next to a ticket**, on the demo's test half; relevant are those that "
            "`demo/related.json` names for its intent:",
            "",
            "| | | precision@5 | recall@10 | intra-list diversity |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _conversations(result: dict[str, Any]) -> str:
    rows = [
        f"| {language} | {kind} | {f['alone']['questions']} | {f['alone']['hit_at_1']} | {f['in_session']['hit_at_1']} "
        f"| {f['alone']['hit_at_5']} | {f['in_session']['hit_at_5']} |"
        for language, kinds in (("English", result["en"]), ("Spanish", result["es"]))
        for kind, f in kinds.items()
    ]
    return "\n".join(
        [
            "**Second questions of a conversation**, on the demo's test half: the right article first and among five, "
            "asked alone and in a session. A handful of questions, so a difference of one is chance:",
            "",
            "| | second question | questions | first, alone | first, session | five, alone | five, session |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _demo(result: dict[str, Any]) -> str:
    english, spanish = result["en"], result["es"]
    rows: dict[str, Callable[[dict[str, Any]], Any]] = {
        "right article first": lambda f: f["retrieval"]["hit_at_1"],
        "right article among five": lambda f: f["retrieval"]["hit_at_5"],
        "answerable questions answered": lambda f: f["answered"],
        "… from the right article": lambda f: f["answers_from_the_right_article"],
        "… with the very sentence": lambda f: f["answers_with_the_right_sentence"],
        "unanswerable questions declined": lambda f: f["unanswerable_declined"],
        "… about something else": lambda f: f["unanswerable_declined_by_kind"]["elsewhere"],
        "… about hosting, not covered": lambda f: f["unanswerable_declined_by_kind"]["domain"],
        "… close to an article that does not say it": lambda f: f["unanswerable_declined_by_kind"]["neighbour"],
    }
    return "\n".join(
        [
            f"**The demo base**, test half ({english['retrieval']['questions']} answerable and "
            f"{english['unanswerable']} unanswerable questions in each language):",
            "",
            "| | English | Spanish |",
            "|---|---|---|",
            *(f"| {name} | {read(english)} | {read(spanish)} |" for name, read in rows.items()),
            "",
            "Questions of other fields asked of the same base, and the share declined:",
            "",
            "| questions | asked | declined |",
            "|---|---|---|",
            *(
                f"| {_OTHER_FIELDS[name]} | {figures['questions']} | {figures['declined']} |"
                for name, figures in result["out_of_domain_declined"].items()
            ),
            "",
            f"All unanswerable questions of the demo and those out of CLINC150's scope together: "
            f"{result['declined_together']} declined. What is risked at which coverage "
            f"(mean risk {result['mean_risk']['en']} in English, {result['mean_risk']['es']} in Spanish):",
            "",
            "![Risk against coverage](docs/evaluation/risk-coverage.png)",
        ]
    )


_OTHER_FIELDS = {
    "clinc150_out_of_scope_en": "out of CLINC150's scope, English",
    "banking77_en": "bank customers (BANKING77, much of it on cards and refunds), English",
    "software_and_banking_en": "other companies' software and banking, English",
    "software_and_banking_es": "other companies' software and banking, Spanish",
}


def _at(figures: dict[str, Any], path: str) -> Any:
    value: Any = figures
    for key in path.split("."):
        value = value[key]
    return value


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _scale(result: dict[str, Any]) -> str:
    rows = [
        f"| {f['passages']:,} | {f['encode']['p50_ms']} | {f['search']['p50_ms']} | {f['total']['p50_ms']} "
        f"| {f['total']['p95_ms']} | {f['recall_at_10']} | {f['document_added']['p50_ms']} | {f['start_s']} "
        f"| {f['graph_ready_s']} | {f['memory_mb']} | {f['database_mb']} |"
        for f in result["agent"].values()
    ]
    engines = result["engines_at_100000"]
    fast = {name: fast_enough(figures) for name, figures in engines.items()}
    beside = ", ".join(
        f"{name} {at['p50_ms']} ms at {at['recall_at_10']}, built in {engines[name]['build_s']:.0f} s, "
        f"{engines[name]['memory_mb']:.0f} MB"
        for name, at in fast.items()
    )
    return "\n".join(
        [
            "**From a thousand passages to a hundred thousand**: real help pages and Python documentation, each "
            "question asked once (nothing is answered from the cache), in the process. Times in ms but for starts:",
            "",
            "| passages | encode p50 | search p50 | whole query p50 | p95 | recall@10 | document added p50 | start, s "
            "| first start, graph built, s | memory, MB | on disk, MB |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "![What a large base costs](benchmarks/results/scale.png)",
            "",
            "Engines on the same 100,000, one after another, the first setting with recall@10 of 0.98 or their best: "
            f"{beside}.",
        ]
    )


def _million(result: dict[str, Any]) -> str:
    alone = fast_enough(result)
    return (
        f"The graph alone holds a million embeddings (made from real ones) in {result['memory_mb']:.0f} MB, is built "
        f"in {result['build_s'] / 60:.0f} minutes, loads in {result['load_s']:.1f} s, and answers in "
        f"{alone['p50_ms']} ms at recall@10 {alone['recall_at_10']}."
    )


def _kills(result: dict[str, Any]) -> str:
    return (
        f"**{result['kills']} kills** (SIGKILL) amid {result['acknowledged_changes']:,} acknowledged changes, while "
        f"embedding anew and while writing snapshots ({result['snapshots_cut_off']} of them cut off): "
        f"{result['acknowledged_changes_lost']} changes lost, {result['stores_damaged']} stores damaged."
    )
