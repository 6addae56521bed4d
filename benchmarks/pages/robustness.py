"""The page on robustness: changes kept under kills, damaged documents, citations while documents change."""

from typing import Any

from benchmarks.measure import machine_in_words


def render_kills(result: dict[str, Any]) -> str:
    """Changes lost and stores damaged by kills."""
    return (
        f"## Kills\n\n{result['kills']} kills (SIGKILL) amid {result['acknowledged_changes']:,} acknowledged changes, "
        f"while re-embedding and while writing snapshots ({result['snapshots_cut_off']} of them cut off): "
        f"{result['acknowledged_changes_lost']} changes lost, {result['stores_damaged']} stores damaged."
    )


def render_fuzz(result: dict[str, Any]) -> str:
    """Mutated documents, by format: read, refused by name, or anything else."""
    rows = []
    for name, counts in result["formats"].items():
        refused = counts["documents"] - counts["read"] - len(counts["unexpected"])
        rows.append(
            f"| {name} | {counts['documents']:,} | {counts['read']:,} | {refused:,} | {len(counts['unexpected'])} |"
        )
    return "\n".join(
        [
            "## Damaged documents",
            "",
            f"Documents of every format with bytes damaged, cut and inserted, straight into the parsers; each may "
            f"take {result['seconds_allowed']} s and {result['bytes_allowed'] / 1e9} GB:",
            "",
            "| format | documents | read | refused with a reason | anything else |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def render_concurrency(result: dict[str, Any]) -> str:
    """Readers and writers on one server."""
    changes = result["added"] + result["replaced"] + result["deleted"]
    return (
        f"## Reading while documents change\n\n{result['readers']} readers and {result['writers']} writers for "
        f"{result['seconds']:.0f} s, {changes} changes: {result['citations_compared']:,} citations compared with the "
        f"text they name, {result['stale_citations']} stale, {result['errors']} errors."
    )


def render_fairness(result: dict[str, Any]) -> str:
    """Questions while a large document is ingested, and the server's health while hostile texts are."""
    names = {
        "alone": "alone",
        "beside_ingest": "while the document is ingested",
        "with_the_document": "afterwards, with the document in the base",
    }
    questions = [
        f"| {shown} | {(row := result['questions'][name])['count']:,} | {row['p50_ms']} | {row['p99_ms']} | "
        f"{row['slowest_ms']} |"
        for name, shown in names.items()
    ]
    hostile = [
        f"| {name} | {row['child_s']} | {row.get('ingest_s', '')} | {row.get('health_p99_ms', '')} | "
        f"{row.get('health_slowest_ms', '')} |"
        for name, row in result["hostile"].items()
    ]
    return "\n".join(
        [
            "## Questions while documents come",
            "",
            f"New questions over HTTP to the demo base, one after another, while a page of "
            f"{result['document_bytes'] / 1e6:.0f} MB with {result['document_chars'] / 1e6:.1f} million characters of "
            f"text is ingested. The slowest takes {result['slowest_ratio']} times what the slowest takes alone.",
            "",
            "| questions | asked | median ms | p99 ms | slowest ms |",
            "|---|---|---|---|---|",
            *questions,
            "",
            "Texts that are made to cost much: processor time in the child that parses them, time until all of their "
            "passages are stored, and how long `/healthz` takes meanwhile (two of them):",
            "",
            "| text | child s | ingested in s | health p99 ms | health slowest ms |",
            "|---|---|---|---|---|",
            *hostile,
        ]
    )


def render_reembedding(result: dict[str, Any]) -> str:
    """Questions while a large base is embedded again for a bundle of another space."""
    names = {
        "before": "former bundle, before",
        "while_embedding": "former bundle, while embedding",
        "after": "next bundle",
    }
    asked = {
        "before": result["requests"] - result["answered_by_former"] - result["answered_by_next"],
        "while_embedding": result["answered_by_former"],
        "after": result["answered_by_next"],
    }
    latency = result["latency"]
    rows = [
        f"| {shown} | {asked[name]:,} | {latency[name]['p50_ms']:.1f} | {latency[name]['p95_ms']:.1f} | "
        f"{result['found_something'][name]:.1%} |"
        for name, shown in names.items()
    ]
    what = (
        "a copy of the default bundle under another space"
        if result["next_is_a_renamed_copy"]
        else f"{result['next']} instead of {result['former']}"
    )
    return "\n".join(
        [
            "## A bundle of another embedding space",
            "",
            f"On {machine_in_words(result['machine'])} "
            f"a server with {result['passages']:,} passages is restarted with {what} ({result['restart_s']} s), embeds "
            f"all of them again in {result['seconds']:.0f} s and goes over, while {result['questions_per_s']:g} new "
            f"questions a second come over HTTP: {result['requests']:,} requests, {result['failed']} failed, "
            f"{result['former_after_next']} answers of the former bundle after the first of the next. The median "
            f"answer takes {latency['p50_ratio']} times what it takes before, the slowest "
            f"{latency['slowest_while_embedding_ms']:.0f} ms.",
            "",
            "| answers of | questions | median ms | p95 ms | with a citation |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )
