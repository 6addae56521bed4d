"""The page on speed: time, size and start of the bundle beside MiniLM, and the server over HTTP."""

from typing import Any

from benchmarks.measure import machine_in_words


def render_serving(result: dict[str, Any]) -> str:
    """Speed and size beside MiniLM in two runtimes."""
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
            "## Speed and size",
            "",
            f"The same {result['passages']} passages and {result['questions']} questions, "
            f"medians of {result['repetitions']} repetitions on {machine_in_words(machine)}, by "
            f"sentence-transformers {machine['packages']['sentence-transformers']} and torch "
            f"{machine['packages']['torch']}. The two MiniLM columns have the same weights:",
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
            f"{http['resident_after_mb']} MB. It ingests {agent['ingest_passages_per_s']} passages a second.",
        ]
    )


def _at(figures: dict[str, Any], path: str) -> Any:
    value: Any = figures
    for key in path.split("."):
        value = value[key]
    return value
