"""The page on retrieval: search by words, by meaning and by both; guides by title or excerpt; recommendations."""

from typing import Any


def render_hybrid(result: dict[str, Any]) -> str:
    """Search by BM25, by embeddings and by both."""
    rows = [
        f"| {base} | {language} | {f['questions']} | {f['words']} | {f['meaning']} | {f['both']} |"
        for base, by_language in result["bases"].items()
        for language, f in by_language.items()
    ]
    return "\n".join(
        [
            "## Words, meaning, and both",
            "",
            "nDCG@10 of the document that is asked for, by BM25 alone, by embeddings "
            f"alone, and by search as it is: words weigh {result['words']}, and up to {result['quoted']} more the more "
            "a question is a quotation (chosen on the other half of the questions):",
            "",
            "| base | language | questions | words | meaning | both |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def render_guides(result: dict[str, Any]) -> str:
    """Known-item search among real guides."""
    rows = [
        f"| {name} | {by} | {f['questions']} | {f['hit_at_1']} | {f['hit_at_5']} | {f['mrr']} |"
        for name, language in (("English", "en"), ("Spanish", "es"))
        for by, f in ((key[3:].replace("_", " "), result[language][key]) for key in result[language])
    ]
    return "\n".join(
        [
            "## Finding a real guide",
            "",
            f"Guides: {result['guides']} in two languages ({result['passages']} passages), each "
            "asked by its title or its excerpt, with titles masked out of what is indexed:",
            "",
            "| guides | asked by | questions | hit@1 | hit@5 | MRR |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def render_recommendations(result: dict[str, Any]) -> str:
    """Recommendations beside popularity and BM25."""
    rows = [
        f"| {language} | {name} | {f['precision@5']} | {f['recall@10']} | {f['intra-list diversity']} |"
        for language, systems in (("English", result["en"]), ("Spanish", result["es"]))
        for name, f in systems.items()
    ]
    return "\n".join(
        [
            "## Articles offered next to a ticket",
            "",
            "The demo's test half; relevant are those that `demo/related.json` names for its intent:",
            "",
            "| | | precision@5 | recall@10 | intra-list diversity |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )
