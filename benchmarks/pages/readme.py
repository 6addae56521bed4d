"""The table of the README: what to expect, beside named peers."""

from typing import Any

_SECURE, _STOCK = "secure, 50 branches", "stock Opacus, 50 branches"


def render_summary(measured: dict[str, dict[str, Any]]) -> str:
    """About eight rows: latency, memory, size, retrieval, answers, private learning."""
    serving, base = measured["serving"], measured["scale"]["agent"]["100000"]
    bundle, sentence_transformers = (serving["systems"][name] for name in ("bundle", "sentence-transformers"))
    http, search = serving["agent"]["over_http"], measured["hybrid"]["bases"]["help_bc"]
    demo, banking = measured["demo"], measured["federation"]["BANKING77"]
    kept = {language: measured["distillation"]["systems"][name]["figures"] for language, name in _MODELS.items()}
    rows = [
        (
            "encode a question and search 567 passages, p50",
            f"{_ms(bundle)} ms",
            f"{_ms(sentence_transformers)} ms, MiniLM by sentence-transformers",
        ),
        (
            "memory after loading; installed size",
            f"{bundle['resident_loaded_mb']:.0f} MB; {bundle['install_mb']:.0f} MB",
            f"{sentence_transformers['resident_loaded_mb']:.0f} MB; {sentence_transformers['install_mb']:.0f} MB, "
            "the same",
        ),
        (
            "a cited answer over HTTP, p50 / p95",
            f"{http['query']['p50_ms']:.1f} / {http['query']['p95_ms']:.1f} ms",
            "–",
        ),
        (
            f"a question among {base['passages']:,} passages, p50; memory",
            f"{base['total']['p50_ms']:.1f} ms; {base['memory_mb']:.0f} MB",
            "–",
        ),
        (
            "title → guide, nDCG@10, English / Spanish",
            _pair(kept["student"]["guides en-en"]["nDCG@10"], kept["student"]["guides es-es"]["nDCG@10"]),
            _pair(kept["teacher"]["guides en-en"]["nDCG@10"], kept["teacher"]["guides es-es"]["nDCG@10"])
            + ", its teachers together",
        ),
        (
            "search in Business Central's guides, nDCG@10, English / Spanish",
            _pair(search["en"]["both"], search["es"]["both"]),
            _pair(search["en"]["words"], search["es"]["words"]) + ", BM25",
        ),
        (
            "demo, answered from the right article, English / Spanish",
            _percents(demo, "answers_from_the_right_article"),
            "–",
        ),
        (
            "demo, unanswerable questions declined, English / Spanish",
            _percents(demo, "unanswerable_declined"),
            "–",
        ),
        (
            "77 intents taught by 50 branches, ε = 3 a message at δ = 1e-5¹",
            f"{banking['with privacy'][_SECURE]['epsilon 3']['mean']:.1%}",
            f"{banking[_STOCK]['epsilon 3']['mean']:.1%}, Flower with Opacus at each branch",
        ),
    ]
    return "\n".join(["| | Orilla | beside it |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


_MODELS = {"student": "bundle", "teacher": "teacher"}


def _ms(system: dict[str, Any]) -> str:
    return f"{system['encode_and_search']['p50_ms']:.1f}"


def _pair(english: float, spanish: float) -> str:
    return f"{english:.2f} / {spanish:.2f}"


def _percents(demo: dict[str, Any], figure: str) -> str:
    return f"{demo['en'][figure]:.0%} / {demo['es'][figure]:.0%}"
