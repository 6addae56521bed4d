"""A teacher, its targets and a federation's releases in miniature, all in the tiny bundle's embedding space."""

import base64
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from federation.branch.client_app import app
from federation.center.home import CENTER_FILE, Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.publishing import publish
from federation.center.rounds import run_rounds
from federation.release.format import RELEASE_FILE, SIGNATURE_FILE
from federation.release.signing import SIGNING_KEY, SIGNING_PUBLIC_KEY, read_signing_key
from federation.transport.local_grid import LocalGrid
from student.artifacts.digests import digest_file
from student.bundle.folder import open_bundle
from student.bundle.manifest import Origin
from student.distill.pretrained import Pretrained, open_pretrained
from student.distill.targets import TargetsManifest, write_shard, write_targets_manifest
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from teacher.absorbing.part import Sources
from teacher.roles import Role
from teacher.training.recipe import read_absorption
from tests.conftest import ROOT
from tests.federation.lab import DIMENSION, LABELS, Lab, build_lab, sentence, ticket, write_lines

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KNOWN = LABELS[:3]
NEW = LABELS[3]
"""What branches know and the center does not."""
RECIPE = read_absorption(ROOT / "teacher" / "recipes" / "absorption.toml").model_copy(
    update={"max_epsilon": 100.0, "max_regression": 0.25}
)
"""In sixteen dimensions and under noise another label costs the others several points."""


@dataclass(frozen=True, slots=True)
class TinyCenter:
    """The center before anything is absorbed."""

    lab: Lab
    teacher: Pretrained
    sources: Sources

    def encode(self, texts: list[str], role: Role = Role.QUERY, languages: object = None) -> Embeddings:
        """The teacher at work: in this miniature it is the student's own encoder."""
        encoder = Encoder.from_bundle(open_bundle(self.lab.bundle), workers=1)
        try:
            return encoder.encode(texts)
        finally:
            encoder.close()


def build_center(folder: Path) -> TinyCenter:
    """A teacher without an intent head, 480 labelled texts of three labels, and 400 public texts in two shards."""
    lab = build_lab(folder / "federation", max_epsilon=100.0)
    bundle, generator = open_bundle(lab.bundle), random.Random(11)
    write_lines(
        folder / "labelled.jsonl",
        [ticket(generator, label) | {"language": "en"} for label in KNOWN for _ in range(160)],
    )
    teacher = write_teacher(folder / "teacher", bundle.manifest.embedding_space)
    center = TinyCenter(
        lab,
        teacher,
        Sources(
            folder / "release-1",
            lab.home / SIGNING_PUBLIC_KEY,
            lab.bundle,
            folder / "targets",
            folder / "labelled.jsonl",
        ),
    )
    (folder / "targets").mkdir()
    shards = []
    for number in range(2):
        texts = [sentence(generator, generator.choice(LABELS)) for _ in range(200)]
        path = folder / "targets" / f"shard-{number:05d}.parquet"
        shards.append(write_shard(path, texts, ["public"] * 200, center.encode(texts)))
    origin = teacher.as_origin("teacher")
    manifest = TargetsManifest(
        embedding_space=teacher.embedding_space, dimension=DIMENSION, lineage=[origin], shards=shards
    )
    write_targets_manifest(folder / "targets", manifest)
    for number in (1, 2):
        shutil.copytree(make_release(lab, f"run-{number}"), folder / f"release-{number}")
    return center


def write_teacher(path: Path, embedding_space: str) -> Pretrained:
    """A folder that opens as a teacher of that space; its weights are only named, never run."""
    (path / "1_Pooling").mkdir(parents=True)
    files = {
        "config.json": {"hidden_size": DIMENSION},
        "sentence_bert_config.json": {"max_seq_length": 16},
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "distillation.json": {"embedding_space": embedding_space},
    }
    for name, value in files.items():
        (path / name).write_text(json.dumps(value))
    save_file({"weight": np.arange(4, dtype=np.float32)}, path / "model.safetensors")
    return open_teacher(path)


def open_teacher(path: Path) -> Pretrained:
    """The teacher of a folder."""
    return open_pretrained(path, name="tiny teacher", license_="Apache-2.0")


def make_release(lab: Lab, run_id: str) -> Path:
    """Runs a federation of the lab in this process and publishes what it taught."""
    if not (lab.home / CENTER_FILE).exists():
        set_up_center(lab.home, Center(federation="lab", address="127.0.0.1:8000"), now=NOW)
    folder = lab.home / "runs" / run_id
    run_rounds(
        LocalGrid(app, lab.node_configs, {}),
        prepare_run(lab.recipe(run_id=run_id, rounds=4, epsilon=30.0), folder),
        folder,
    )
    return publish(lab.home, folder, now=NOW).release


def sign_again(lab: Lab, release: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """What only the center could do: other words, rightly signed."""
    value = json.loads((release / RELEASE_FILE).read_bytes())
    change(value)
    content = json.dumps(value).encode()
    (release / RELEASE_FILE).write_bytes(content)
    signature = read_signing_key(lab.home / SIGNING_KEY).sign(content)
    (release / SIGNATURE_FILE).write_bytes(base64.b64encode(signature))


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, and its digest."""
    return {str(path.relative_to(folder)): digest_file(path) for path in folder.rglob("*") if path.is_file()}


def origins_by_role(lineage: tuple[Origin, ...]) -> dict[str, Origin]:
    """The last origin of each role."""
    return {origin.role: origin for origin in lineage}
