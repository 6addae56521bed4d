"""Fine-tunes a teacher on the centre's data: retrieval by contrast, intents by cross-entropy, in one loop.

Runs as one process or, under `torchrun` or `accelerate launch`, as several: accelerate sets up devices, precision and
data parallelism. What is drawn at a step depends only on the seed and the step, so a killed run that is continued
from its last checkpoint sees the same texts.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import cross_entropy

from student.artifacts.digests import digest_json
from student.artifacts.durable import write_durably
from student.bundle.linear_head import LinearHead
from student.distill.encoder.training import warm_up_and_decay
from student.distill.heads.intent_head import calibrate
from student.distill.pretrained import TEACHER_TRAINING, Pretrained, write_intent_head
from student.distill.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from student.distill.training.precision import is_bfloat16_wanted
from student.embeddings import Embeddings
from teacher.corpora.queries import mine_negatives
from teacher.training.losses import contrastive_loss
from teacher.training.metrics import measure, score
from teacher.training.model import LOGIT_SCALE, TeacherModel
from teacher.training.recipe import FineTuning
from teacher.training.training_data import TeachingData, split

MODEL, REPORT, LOG = "model", "report.json", "log.jsonl"
_CHECKPOINT, _BEST, _NEGATIVES = "checkpoint.safetensors", "best.safetensors", "negatives.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: the step of at most how many, its loss, and the best validation score so far."""

    step: int
    steps: int
    loss: float
    best: float


def train(
    pretrained: Pretrained,
    data: TeachingData,
    recipe: FineTuning,
    folder: Path,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> dict[str, Any]:
    """Fine-tunes a teacher, stopping early when validation no longer gains.

    Args:
        pretrained: what it starts from.
        data: the centre's.
        recipe: see `FineTuning`.
        folder: of checkpoint, log, report and, in `model`, the teacher; a killed run is continued there.
        on_progress: told every few steps.

    Returns:
        The report: figures on the test part before and after.

    Raises:
        AnotherRun: the folder holds another run. TrainingRefused: the data are too few to split.
    """
    parts = split(data, validation=recipe.validation_share, test=recipe.test_share, seed=recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(pretrained, data.intents, parts, recipe, folder)
    before = run.measure("test")
    run.start([origin.sha256 for origin in data.lineage])
    negatives = run.mine_once()
    while run.step < recipe.steps and run.stale < recipe.patience:
        loss = run.take_step(negatives)
        if run.step % recipe.validation_steps == 0 or run.step == recipe.steps:
            run.validate(loss)
        if run.step % 10 == 0:
            on_progress(Progress(run.step, recipe.steps, loss, run.best))
    run.load_best()
    report = {"recipe": recipe.name, "best_step": run.best_step, "before": before, "after": run.measure("test")}
    if run.accelerator.is_main_process:
        _write_result(run, pretrained, data, report)
    run.accelerator.wait_for_everyone()
    return report


class _Run:
    """The state of a run: model, optimizer, step, and the best validation so far."""

    def __init__(
        self,
        pretrained: Pretrained,
        intents: tuple[str, ...],
        parts: dict[str, TeachingData],
        recipe: FineTuning,
        folder: Path,
    ) -> None:
        is_bfloat16 = is_bfloat16_wanted(recipe.precision)
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), mixed_precision="bf16" if is_bfloat16 else "no"
        )
        torch.manual_seed(recipe.seed)
        self.recipe, self.parts, self.intents = recipe, parts, intents
        self._weights_sha256, self.folder, self._digest = pretrained.weights_sha256, folder, ""
        self.model = TeacherModel(pretrained, len(intents), max_tokens=recipe.max_tokens)
        groups = [
            {"params": list(self.model.encoder.parameters()), "share": recipe.learning_rate},
            {"params": list(self.model.head.parameters()), "share": recipe.head_learning_rate},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=0.01)
        self._parallel = self.accelerator.prepare(self.model)
        labels = {label: number for number, label in enumerate(intents)}
        messages = parts["train"].messages
        self._labels = np.array([labels[label] for label in messages.labels]) if messages else np.empty(0, dtype=int)
        guides = {guide: number for number, guide in enumerate({p.guide: None for p in parts["train"].pairs})}
        self._guides = np.array([guides[pair.guide] for pair in parts["train"].pairs])
        self.step, self.best, self.best_step, self.stale = 0, -1.0, 0, 0

    def start(self, data: list[str]) -> None:
        """Goes on from the last checkpoint, when there is one."""
        self._digest = digest_json([self.recipe.model_dump(), self._weights_sha256, data])
        checkpoint = load_checkpoint(
            self.folder / _CHECKPOINT, self._digest, self.model, self._optimizer, self.accelerator.device
        )
        self.step = checkpoint.step
        if checkpoint.facts:
            self.best, self.best_step = float(checkpoint.facts["best"]), int(checkpoint.facts["best_step"])
            self.stale = int(checkpoint.facts["stale"])

    def mine_once(self) -> list[list[int]]:
        """Hard negatives for every training pair, by the model the run begins with, kept in the run's folder."""
        path = self.folder / _NEGATIVES
        if self.accelerator.is_main_process and not path.exists():
            pairs = self.parts["train"].pairs
            mined = mine_negatives(
                pairs,
                self.encode([pair.query for pair in pairs]),
                self.encode([pair.passage for pair in pairs]),
                count=self.recipe.negatives,
                share=self.recipe.negatives_share,
            )
            write_durably(path, json.dumps(mined).encode())
        self.accelerator.wait_for_everyone()
        negatives: list[list[int]] = json.loads(path.read_bytes())
        return negatives

    def take_step(self, negatives: list[list[int]]) -> float:
        """One step of the optimizer, computed in `accumulation` parts; returns the loss of the last part."""
        recipe, loss = self.recipe, torch.zeros(())
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        generator = np.random.default_rng([recipe.seed, self.step])
        torch.manual_seed(int(np.random.default_rng([recipe.seed, self.step, rank]).integers(2**62)))  # of dropout
        pair_rows = generator.choice(
            len(self._guides), recipe.batch_size, replace=len(self._guides) < recipe.batch_size
        )
        message_rows = (
            generator.integers(0, len(self._labels), recipe.messages) if len(self._labels) else np.empty(0, int)
        )
        negative_rows = np.array([self._draw_negative(row, negatives, generator) for row in pair_rows])
        for group in self._optimizer.param_groups:
            group["lr"] = group["share"] * warm_up_and_decay(self.step, recipe.warmup_steps, recipe.steps)
        self._optimizer.zero_grad(set_to_none=True)
        for part in range(recipe.accumulation):
            mine = slice(rank * recipe.accumulation + part, None, world * recipe.accumulation)
            loss = self._loss(pair_rows[mine], negative_rows[mine], message_rows[mine])
            self.accelerator.backward(loss / recipe.accumulation)
        self.accelerator.clip_grad_norm_(self._parallel.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _loss(
        self, pair_rows: NDArray[np.int64], negative_rows: NDArray[np.int64], message_rows: NDArray[np.int64]
    ) -> Tensor:
        pairs, messages = self.parts["train"].pairs, self.parts["train"].messages
        texts = [
            [pairs[i].query for i in pair_rows],
            [pairs[i].passage for i in pair_rows] + [pairs[i].passage for i in negative_rows],
            [messages.texts[i] for i in message_rows] if messages else [pairs[pair_rows[0]].query],
        ]
        device = self.accelerator.device
        with self.accelerator.autocast():
            queries, passages, _, logits = self._parallel(*(self.model.tokenize(batch, device) for batch in texts))
        guides = self._guides
        is_same = guides[pair_rows][:, None] == guides[np.concatenate([pair_rows, negative_rows])][None, :]
        count = len(pair_rows)
        loss = contrastive_loss(
            queries, passages[:count], passages[count:], torch.from_numpy(is_same).to(device), self.recipe.temperature
        )
        if messages:
            labels = torch.from_numpy(self._labels[message_rows]).to(device)
            return loss + self.recipe.intent_weight * cross_entropy(logits.float(), labels)
        return loss + 0 * logits.sum()

    def _draw_negative(self, row: int, negatives: list[list[int]], generator: np.random.Generator) -> int:
        """A mined negative of a pair, or any other pair's passage where none was mined."""
        candidates = negatives[row]
        return int(generator.choice(candidates) if candidates else generator.integers(0, len(self._guides)))

    def validate(self, loss: float) -> None:
        """Measures the validation part, remembers the best weights, and writes log and checkpoint."""
        figures = self.measure("validation")
        value = score(figures)
        is_best = value > self.best
        self.stale = 0 if is_best else self.stale + 1
        if is_best:
            self.best, self.best_step = value, self.step
        if self.accelerator.is_main_process:
            if is_best:
                state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
                write_durably(self.folder / _BEST, save(state, metadata={"step": str(self.step)}))
            entry = {"step": self.step, "loss": round(loss, 5), "score": round(value, 4)}
            entry["nDCG@10"] = figures["retrieval"]["nDCG@10"]
            if "intents" in figures:
                entry["macro-F1"] = figures["intents"]["macro-F1"]
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            facts = {"best": repr(self.best), "best_step": str(self.best_step), "stale": str(self.stale)}
            save_checkpoint(
                self.folder / _CHECKPOINT, self._digest, Checkpoint(self.step, facts), self.model, self._optimizer
            )
        self.accelerator.wait_for_everyone()

    def load_best(self) -> None:
        """The weights of the best validation."""
        self.model.load_state_dict(load((self.folder / _BEST).read_bytes()))

    def measure(self, part: str) -> dict[str, Any]:
        """Figures on a part of the data."""
        return measure(self.parts[part], self.encode, self.head() if self.step else None)

    def encode(self, texts: list[str]) -> Embeddings:
        """Embeddings (N, D) by the model as it is."""
        with self.accelerator.autocast():
            return self.model.encode(texts, self.accelerator.device)

    def head(self) -> LinearHead | None:
        """The intent head as it is, not calibrated."""
        if not self.intents:
            return None
        weight, bias = (p.detach().float().cpu().numpy() for p in (self.model.head.weight, self.model.head.bias))
        return LinearHead(weight * LOGIT_SCALE, bias.copy(), self.intents, temperature=1.0, threshold=0.0)


def _write_result(run: _Run, pretrained: Pretrained, data: TeachingData, report: dict[str, Any]) -> None:
    folder = run.folder
    run.model.save(pretrained, folder / MODEL)
    head = run.head()
    validation = run.parts["validation"].messages
    if head and validation:
        labels = np.array([head.labels.index(label) for label in validation.labels])
        write_intent_head(folder / MODEL, calibrate(head, run.encode(validation.texts), labels))
    lineage = [pretrained.as_origin("teacher trained from"), *pretrained.lineage, *data.lineage]
    facts = {
        "recipe": run.recipe.model_dump(),
        "lineage": [origin.model_dump() for origin in lineage],
        "report": report,
    }
    write_durably(folder / MODEL / TEACHER_TRAINING, _json(facts))
    write_durably(folder / REPORT, _json(report))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
