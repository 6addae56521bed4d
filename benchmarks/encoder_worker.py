"""One system in a process of its own: `python -m benchmarks.encoder_worker SYSTEM STARTED_AT GRAPH`.

Started fresh by `benchmarks.serving`, so that cold start and memory are its own. Reads texts from standard input as
JSON, prints figures as JSON. All systems do the same work: encode a query, scan all passages, take the best ten.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Measures one system."""
    system, exec_at = sys.argv[1], float(sys.argv[2])
    work = json.load(sys.stdin)
    encode = _OPEN[system](Path(sys.argv[3]))
    encode(["warm"])
    cold_start_s = time.time() - exec_at

    import numpy as np  # noqa: PLC0415

    from benchmarks.measure import percentiles, resident_bytes  # noqa: PLC0415

    loaded_bytes = resident_bytes()
    started = time.perf_counter()
    passages = encode(work["passages"])
    bulk_s = time.perf_counter() - started
    encode_s, query_s = [], []
    for question in work["questions"]:
        started = time.perf_counter()
        embedding = encode([question])[0]
        encode_s.append(time.perf_counter() - started)
        similarities = passages @ embedding
        np.argpartition(-similarities, 10)[:10]
        query_s.append(time.perf_counter() - started)
    print(
        json.dumps(
            {
                "cold_start_s": round(cold_start_s, 3),
                "resident_loaded_mb": round(loaded_bytes / 1e6, 1),
                "resident_after_mb": round(resident_bytes() / 1e6, 1),
                "passages_per_s": round(len(work["passages"]) / bulk_s, 1),
                "encode": percentiles(encode_s),
                "encode_and_search": percentiles(query_s),
            }
        )
    )


def _open_bundle(graph: Path) -> Callable[[list[str]], Any]:
    from student.runtime.student import load_student  # noqa: PLC0415

    return load_student().encoder.encode


def _open_minilm_int8(graph: Path) -> Callable[[list[str]], Any]:
    """MiniLM's own six layers, exported and quantized as a bundle is, in the runtime of the bundle."""
    from student.runtime.encoder import Encoder  # noqa: PLC0415

    tokenizer = graph.with_name("tokenizer.json").read_bytes()
    return Encoder(graph, tokenizer, dimension=384, max_tokens=256).encode


def _open_sentence_transformers(graph: Path) -> Callable[[list[str]], Any]:
    import os  # noqa: PLC0415

    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from student.distill.pretrained import find_minilm  # noqa: PLC0415

    model = SentenceTransformer(str(find_minilm().path), device="cpu", local_files_only=True)
    return lambda texts: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


_OPEN = {"bundle": _open_bundle, "minilm-int8": _open_minilm_int8, "sentence-transformers": _open_sentence_transformers}

if __name__ == "__main__":
    main()
