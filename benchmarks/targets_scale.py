"""Memory and time of reading targets as the corpus grows: one shard at a time, as absorbing and exporting read them.

The texts of all shards are the same 8,192, with embeddings of 384 numbers; what is read is verified and decoded as
ever. Each size is read in a process of its own; `resident` is the most that it held. Reading all of it into memory, as
the training loop does, stands beside it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.federated_data import ROOT
from student.distill.targets import IntentTargets, TargetsManifest, write_shard, write_targets_manifest
from teacher.labelling.label import ROWS_IN_A_SHARD

SIZES = (10_000, 100_000, 1_000_000)
DIMENSION, INTENTS = 384, 77
WHOLE_UP_TO = 100_000
_READ = """
import sys, time
from pathlib import Path
from student.distill.targets import read_shards, read_targets
started, rows = time.perf_counter(), 0
if sys.argv[2] == "shards":
    for shard in read_shards(Path(sys.argv[1])):
        rows += len(shard.texts)
else:
    rows = len(read_targets(Path(sys.argv[1])).texts)
peak_kb = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(rows, int(peak_kb) / 1024, time.perf_counter() - started)
"""


def run() -> dict[str, Any]:
    """Resident megabytes and texts a second at each size."""
    made: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        for size in SIZES:
            targets = Path(folder) / str(size)
            write_targets(targets, size)
            made[f"{size} texts"] = {
                how: _measure(targets, how) for how in ("shards", "whole") if how == "shards" or size <= WHOLE_UP_TO
            }
            print(f"  {size} texts: {json.dumps(made[f'{size} texts'])}", flush=True)
    return made


def write_targets(folder: Path, size: int) -> None:
    """A folder of targets: its shards are links to one file, but for the last."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    whole, rest = divmod(size, ROWS_IN_A_SHARD)
    shards = []
    for name, rows in (("first", ROWS_IN_A_SHARD), ("last", rest)):
        embeddings = generator.standard_normal((rows, DIMENSION)).astype(np.float16)
        intents = IntentTargets(
            generator.standard_normal((rows, INTENTS)).astype(np.float16), np.full(rows, -1, np.int16)
        )
        texts = [f"What do I do when my order number {row} has not arrived after two weeks?" for row in range(rows)]
        shards.append(write_shard(folder / f"{name}.parquet", texts, ["messages"] * rows, embeddings, intents))
    first, last = shards
    linked = []
    for number in range(whole):
        path = folder / f"shard-{number:05d}.parquet"
        os.link(folder / first.file, path)
        linked.append(first.model_copy(update={"file": path.name}))
    manifest = TargetsManifest(
        embedding_space="5" * 64,
        dimension=DIMENSION,
        intents=[f"intent {number}" for number in range(INTENTS)],
        lineage=[],
        shards=[*linked, last],
    )
    write_targets_manifest(folder, manifest)


def _measure(targets: Path, how: str) -> dict[str, float]:
    command = [sys.executable, "-c", _READ, str(targets), how]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    rows, resident, seconds = said.split()
    return {"resident_mb": round(float(resident), 1), "texts_per_s": round(int(rows) / float(seconds))}
