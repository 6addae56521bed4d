"""The page on large bases: a thousand to a million passages, and targets of ten thousand to a million texts."""

from typing import Any

from benchmarks.scale import fast_enough


def render_large_base(result: dict[str, Any]) -> str:
    """Latency, memory and start by size of the base, and engines beside each other."""
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
            "## From a thousand passages to a hundred thousand",
            "",
            "Real help pages and Python documentation, each "
            "question asked once (nothing is answered from the cache), in the process. Times in ms but for starts:",
            "",
            "| passages | encode p50 | search p50 | whole query p50 | p95 | recall@10 | document added p50 | start, s "
            "| first start, graph built, s | memory, MB | on disk, MB |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "![What a large base costs](../../benchmarks/results/scale.png)",
            "",
            "Engines on the same 100,000, one after another, the first setting with recall@10 of 0.98 or their best: "
            f"{beside}.",
        ]
    )


def render_million(result: dict[str, Any]) -> str:
    """The graph alone at a million embeddings."""
    alone = fast_enough(result)
    return (
        "## A million passages\n\nThe graph alone holds a million embeddings (made from real ones) in "
        f"{result['memory_mb']:.0f} MB, is built in {result['build_s'] / 60:.0f} minutes, loads in "
        f"{result['load_s']:.1f} s, and answers in {alone['p50_ms']} ms at recall@10 {alone['recall_at_10']}."
    )


def render_targets(result: dict[str, Any]) -> str:
    """Reading distillation targets, shard by shard and whole."""
    rows = [
        f"| {name.removesuffix(' texts')} | {way} | {f['texts_per_s']:,} | {f['resident_mb']} |"
        for name, ways in result.items()
        if name.endswith(" texts")
        for way, f in ways.items()
    ]
    return "\n".join(
        [
            "## Distillation targets",
            "",
            "Reading targets with embeddings of 384 numbers: shard by shard, as absorbing and exporting do, and whole, "
            "as training does:",
            "",
            "| texts | read | texts a second | memory, MB |",
            "|---|---|---|---|",
            *rows,
        ]
    )
