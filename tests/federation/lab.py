"""A whole federation in miniature: a real bundle of sixteen dimensions, four intents, branches with ledgers."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from federation.branch.policy import BranchPolicy
from federation.branch.settings import SETTINGS_FILE, BranchSettings, set_up_branch
from federation.center.run_recipe import RunRecipe
from student.bundle.folder import write_bundle
from student.bundle.linear_head import pack_head
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes

LABELS = ("billing", "delivery", "login", "refund")
WORDS = 12
DIMENSION = 16
SPACE = "ab" * 32
HEAD_FILE, ADAPTER_FILE = "head.safetensors", "adapter.safetensors"
"""Files of a release, by its part."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Folders: of the center, and of each branch with its settings."""

    home: Path
    bundle: Path
    branches: tuple[Path, ...]

    @property
    def node_configs(self) -> list[dict[str, str]]:
        return [{"settings": str(branch / SETTINGS_FILE)} for branch in self.branches]

    def recipe(self, **changes: object) -> RunRecipe:
        fields = {
            "run_id": "run-1",
            "rounds": 3,
            "epsilon": 8.0,
            "branches": len(self.branches),
            "minimum_survivors": 3,
            "customers": 40 * len(self.branches),
            "learning_rate": 20.0,
            "momentum": 0.5,
            "bundle": self.bundle,
            "public_texts": self.home / "public.jsonl",
            "feature_dimension": 12,
            "validation": self.home / "validation.jsonl",
            "attempts": 2,
            "branches_timeout_s": 0.1,
            "step_timeout_s": 0.1,
        }
        return RunRecipe.model_validate(fields | changes)


def build_lab(
    folder: Path,
    *,
    branches: int = 5,
    max_epsilon: float = 50.0,
    seed: int = 3,
    head_knows: bool = False,
    embedding_space: str = SPACE,
) -> Lab:
    """Builds it; every branch has forty customers with two tickets each, of two intents more than of the others."""
    generator = random.Random(seed)
    home = folder / "center"
    home.mkdir(parents=True)
    write_lines(home / "public.jsonl", [{"text": sentence(generator, generator.choice(LABELS))} for _ in range(200)])
    write_lines(home / "validation.jsonl", [ticket(generator, label) for label in LABELS * 25])
    bundle = folder / "bundle"
    write_tiny_bundle(bundle, head_knows=head_knows, embedding_space=embedding_space)
    made = []
    for number in range(branches):
        branch = folder / f"branch-{number}"
        branch.mkdir()
        often = [LABELS[number % 4], LABELS[(number + 1) % 4]]
        rows = [
            ticket(generator, generator.choice([*often, *often, *LABELS])) | {"customer": f"c{customer}"}
            for customer in range(40)
            for _ in range(2)
        ]
        write_lines(branch / "tickets.jsonl", rows)
        policy = BranchPolicy(
            branch=f"branch-{number}",
            max_epsilon=max_epsilon,
            mechanisms=("secure", "local"),
            minimum_noise_multiplier=0.1,
        )
        settings = BranchSettings(bundle=bundle, tickets=(Path("tickets.jsonl"),))
        set_up_branch(branch, settings, policy, now=datetime.now(UTC))
        made.append(branch)
    return Lab(home, bundle, tuple(made))


def sentence(generator: random.Random, label: str) -> str:
    words = [f"{label}{generator.randrange(WORDS)}" for _ in range(4)]
    return " ".join([*words, f"filler{generator.randrange(WORDS)}"])


def ticket(generator: random.Random, label: str) -> dict[str, str]:
    return {"text": sentence(generator, label), "intent": label}


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_tiny_bundle(path: Path, *, head_knows: bool = False, embedding_space: str = SPACE) -> None:
    """A bundle whose encoder averages word embeddings, and whose intent head knows nothing yet, or all."""
    words = ["[UNK]", *(f"{kind}{i}" for kind in (*LABELS, "filler") for i in range(WORDS))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    head = np.random.default_rng(2).standard_normal((len(LABELS), DIMENSION)).astype(np.float32)
    graph, tokens = tiny_graph(len(words)), tokenizer.to_str().encode()
    encoder = Encoder(graph, tokens, dimension=DIMENSION, max_tokens=16, workers=1)
    probes = write_probes([f"{label}1 {label}2" for label in LABELS], encoder, {})
    if head_knows:
        words_of = {label: [f"{label}{i}" for i in range(WORDS)] for label in LABELS}
        head = np.stack([20 * encoder.encode(words_of[label]).mean(axis=0) for label in LABELS])
    encoder.close()
    files = {
        "encoder.onnx": graph,
        "tokenizer.json": tokens,
        "intent.safetensors": pack_head(head, np.zeros(len(LABELS), dtype=np.float32)),
        "probes.json": probes,
        "MODEL_CARD.md": b"# Tiny\n",
        "LICENSE.txt": b"Apache-2.0\n",
    }
    fields = {
        "name": "tiny",
        "serial": 4,
        "created": "2026-11-20T12:00:00Z",
        "embedding_space": embedding_space,
        "languages": ["en"],
        "encoder": {
            "graph": "encoder.onnx",
            "tokenizer": "tokenizer.json",
            "dimension": DIMENSION,
            "max_tokens": 16,
        },
        "heads": {
            "intent": {
                "file": "intent.safetensors",
                "labels": list(LABELS),
                "temperature": 1.0,
                "threshold": 0.2,
            }
        },
        "probes": {"file": "probes.json", "min_similarity": 0.9},
        "lineage": [],
        "licenses": [{"spdx": "Apache-2.0", "applies_to": "all", "file": "LICENSE.txt"}],
        "model_card": "MODEL_CARD.md",
    }
    write_bundle(path, fields, files)


def tiny_graph(words: int) -> bytes:
    """Word embeddings, their mean, unit norm."""
    table = np.random.default_rng(1).standard_normal((words, DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["token_embeddings"]),
        helper.make_node("ReduceMean", ["token_embeddings", "axis"], ["mean"], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["sentence_embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"])
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["b", DIMENSION]),
            helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, ["b", "t", DIMENSION]),
        ],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
