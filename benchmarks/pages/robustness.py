"""The page on robustness: changes kept under kills, damaged documents, citations while documents change."""

from typing import Any


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
