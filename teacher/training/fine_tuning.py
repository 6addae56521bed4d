"""Fine-tuning of a teacher on the center's data: retrieval by contrast and intents by cross-entropy, together.

Runs as one process or, under `torchrun` or `accelerate launch`, as several: accelerate sets up devices and data
parallelism. What is drawn at a step depends only on the seed and the step, so a killed run that is continued
from its last checkpoint sees the same texts.
"""

import json
from collections.abc import Callable
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
from student.distill.folder_layout import read_layout
from student.distill.heads.intent_head import calibrate
from student.distill.pretrained import TEACHER_TRAINING, Pretrained, write_intent_head
from student.distill.training.early_stopping import EarlyStopping
from student.distill.training.loop import Schedule, TrainingRun, run_training
from student.distill.training.precision import autocast
from student.distill.training.processes import join_processes
from student.distill.training.supervision import Supervision
from student.embeddings import Embeddings
from teacher.corpora.queries import mine_negatives
from teacher.errors import TrainingRefused
from teacher.training.losses import contrastive_loss
from teacher.training.metrics import measure_teacher, overall_score
from teacher.training.model import LOGIT_SCALE, TeacherModel
from teacher.training.recipe import FineTuningRecipe
from teacher.training.training_data import TrainingData, split_training_data

TEACHER_FOLDER, TRAINING_REPORT = "model", "report.json"
_BEST, _NEGATIVES = "best.safetensors", "negatives.json"
_PROGRESS_STEPS = 10


def fine_tune(
    pretrained: Pretrained,
    data: TrainingData,
    recipe: FineTuningRecipe,
    folder: Path,
    *,
    supervision: Supervision = Supervision(),
    on_encode: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> dict[str, Any]:
    """Fine-tunes a teacher, stopping early when validation no longer gains.

    Args:
        pretrained: what it starts from.
        data: the center's.
        recipe: see `FineTuningRecipe`.
        folder: of checkpoint, log, report and, in `model`, the teacher; a killed run is continued there.
        supervision: of the training.
        on_encode: called with the number of texts encoded, of all, and what for, before and after the training.

    Returns:
        The report: figures on the test part before and after.

    Raises:
        AnotherRun: the folder holds another run. TrainingRefused: the data are too few to split, or the teacher has
            layers that training would lose.
    """
    _require_trainable(pretrained)
    parts = split_training_data(data, validation=recipe.validation_share, test=recipe.test_share, seed=recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(pretrained, data.intents, parts, recipe, folder)
    run.show = lambda done, total: on_encode(done, total, "measuring the teacher as it is")
    before = run.measure("test", None)
    run.show = lambda done, total: on_encode(done, total, "mining hard negatives")
    run.mine_once()
    run.show = _show_nothing
    run_training(
        TrainingRun(
            digest=digest_json(
                [recipe.model_dump(), pretrained.weights_sha256, [origin.sha256 for origin in data.lineage]]
            ),
            folder=folder,
            model=run.model,
            optimizer=run.optimizer,
            schedule=Schedule(
                steps=recipe.steps,
                warmup_steps=recipe.warmup_steps,
                checkpoint_steps=recipe.validation_steps,
                validation_steps=recipe.validation_steps,
                progress_steps=_PROGRESS_STEPS,
            ),
            compute_gradients=run.compute_gradients,
            seed_step=run.seed_step,
            validate=run.validate,
            stopping=run.stopping,
            supervision=supervision,
            is_writer=run.processes.is_main,
            agree_to_stop=run.processes.any_of,
        )
    )
    run.load_best()
    run.show = lambda done, total: on_encode(done, total, "measuring the trained teacher")
    after = run.measure("test", run.head())
    report = {"recipe": recipe.name, "best_step": run.stopping.best_step, "before": before, "after": after}
    if run.processes.is_main:
        _write_result(run, pretrained, data, report)
    run.processes.wait()
    return report


def _show_nothing(done: int, total: int) -> None:
    """Says nothing while the training has a display of its own."""


def _require_trainable(pretrained: Pretrained) -> None:
    layout = read_layout(pretrained.path)
    if layout.others or layout.truncate_dim is not None:
        raise TrainingRefused(
            f"{pretrained.path} has modules {', '.join(layout.modules)}, truncation {layout.truncate_dim}, expected "
            "a transformer with pooling only: layers after it would be lost; it can label, and a student learns of it"
        )


class _Run:
    """All that the loop does not know of a run: data, model, hard negatives, and the best weights so far."""

    def __init__(
        self,
        pretrained: Pretrained,
        intents: tuple[str, ...],
        parts: dict[str, TrainingData],
        recipe: FineTuningRecipe,
        folder: Path,
    ) -> None:
        self.processes, self.show = join_processes(), _show_nothing
        # Precision is the recipe's own: accelerate keeps the first one of a process for all its runs.
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
        torch.manual_seed(recipe.seed)
        self.recipe, self.parts, self.intents, self.folder = recipe, parts, intents, folder
        self.model = TeacherModel(pretrained, len(intents), max_tokens=recipe.max_tokens)
        groups = [
            {"params": list(self.model.encoder.parameters()), "lr": recipe.learning_rate},
            {"params": list(self.model.head.parameters()), "lr": recipe.head_learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        self.stopping = EarlyStopping(recipe.patience)
        self._parallel = self.accelerator.prepare(self.model)
        labels = {label: number for number, label in enumerate(intents)}
        messages = parts["train"].messages
        self._labels = np.array([labels[label] for label in messages.labels]) if messages else np.empty(0, dtype=int)
        guides = {guide: number for number, guide in enumerate({p.guide: None for p in parts["train"].pairs})}
        self._guides = np.array([guides[pair.guide] for pair in parts["train"].pairs])
        self._negatives: list[list[int]] = []

    def mine_once(self) -> None:
        """Hard negatives for every training pair, by the model the run begins with, kept in the run's folder."""
        path = self.folder / _NEGATIVES
        if self.processes.is_main and not path.exists():
            pairs = self.parts["train"].pairs
            mined = mine_negatives(
                pairs,
                self.encode([pair.query for pair in pairs]),
                self.encode([pair.passage for pair in pairs]),
                count=self.recipe.negatives,
                share=self.recipe.negatives_share,
            )
            write_durably(path, json.dumps(mined).encode())
        self.processes.wait()
        self._negatives = json.loads(path.read_bytes())

    def seed_step(self, step: int) -> None:
        """Seeds the dropout of a step: another one in each process."""
        generator = np.random.default_rng([self.recipe.seed, step, self.processes.rank])
        torch.manual_seed(int(generator.integers(2**62)))

    def compute_gradients(self, step: int) -> Tensor:
        """Adds the gradients of a step's batch in `accumulation` parts; returns the loss of the last part."""
        recipe, loss = self.recipe, torch.zeros(())
        processes = self.processes
        pair_rows, negative_rows, message_rows = self._draw(step)
        for part in range(recipe.accumulation):
            mine = slice(processes.rank * recipe.accumulation + part, None, processes.count * recipe.accumulation)
            loss = self._loss(pair_rows[mine], negative_rows[mine], message_rows[mine])
            self.accelerator.backward(loss / recipe.accumulation)
        return loss

    def _draw(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The rows of a step, the same in every process: pairs (B,), their hard negatives (B,), messages."""
        recipe, generator = self.recipe, np.random.default_rng([self.recipe.seed, step])
        pair_rows = generator.choice(
            len(self._guides), recipe.batch_size, replace=len(self._guides) < recipe.batch_size
        )
        message_rows = (
            generator.integers(0, len(self._labels), recipe.messages) if len(self._labels) else np.empty(0, int)
        )
        return pair_rows, np.array([self._draw_negative(row, generator) for row in pair_rows]), message_rows

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
        with autocast(device, self.recipe.precision):
            made = self._parallel(*(self.model.tokenize(batch, device) for batch in texts))
        queries, passages, _, logits = (part.float() for part in made)
        guides = self._guides
        is_same = guides[pair_rows][:, None] == guides[np.concatenate([pair_rows, negative_rows])][None, :]
        count = len(pair_rows)
        loss = contrastive_loss(
            queries, passages[:count], passages[count:], torch.from_numpy(is_same).to(device), self.recipe.temperature
        )
        if messages:
            labels = torch.from_numpy(self._labels[message_rows]).to(device)
            return loss + self.recipe.intent_weight * cross_entropy(logits, labels)
        return loss + 0 * logits.sum()

    def _draw_negative(self, row: int, generator: np.random.Generator) -> int:
        """A mined negative of a pair, or any other pair's passage where none was mined."""
        candidates = self._negatives[row]
        return int(generator.choice(candidates) if candidates else generator.integers(0, len(self._guides)))

    def validate(self, step: int) -> dict[str, float]:
        """Figures on the validation part; the best weights so far are written down."""
        figures = self.measure("validation", self.head())
        score = overall_score(figures)
        is_best = self.stopping.is_best(step, score)
        if is_best and self.processes.is_main:
            state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
            write_durably(self.folder / _BEST, save(state, metadata={"step": str(step)}))
        self.processes.wait()
        intents = {"macro-F1": figures["intents"]["macro-F1"]} if "intents" in figures else {}
        return {"score": round(score, 4), "nDCG@10": figures["retrieval"]["nDCG@10"], **intents}

    def load_best(self) -> None:
        """The weights of the best validation."""
        self.model.load_state_dict(load((self.folder / _BEST).read_bytes()))

    def measure(self, part: str, head: LinearHead | None) -> dict[str, Any]:
        """Figures on a part of the data."""
        return measure_teacher(self.parts[part], self.encode, head)

    def encode(self, texts: list[str]) -> Embeddings:
        """Embeddings (N, D) by the model as it is."""
        with autocast(self.accelerator.device, self.recipe.precision):
            return self.model.encode(texts, self.accelerator.device, self.show)

    def head(self) -> LinearHead | None:
        """The intent head as it is, not calibrated."""
        if not self.intents:
            return None
        weight, bias = (p.detach().float().cpu().numpy() for p in (self.model.head.weight, self.model.head.bias))
        return LinearHead(weight * LOGIT_SCALE, bias.copy(), self.intents, temperature=1.0, threshold=0.0)


def _write_result(run: _Run, pretrained: Pretrained, data: TrainingData, report: dict[str, Any]) -> None:
    folder = run.folder
    run.model.save(pretrained, folder / TEACHER_FOLDER)
    head = run.head()
    validation = run.parts["validation"].messages
    if head and validation:
        labels = np.array([head.labels.index(label) for label in validation.labels])
        write_intent_head(folder / TEACHER_FOLDER, calibrate(head, run.encode(validation.texts), labels))
    lineage = [pretrained.as_origin("teacher trained from"), *pretrained.lineage, *data.lineage]
    facts = {
        "recipe": run.recipe.model_dump(),
        "lineage": [origin.model_dump() for origin in lineage],
        "report": report,
    }
    write_durably(folder / TEACHER_FOLDER / TEACHER_TRAINING, _json(facts))
    write_durably(folder / TRAINING_REPORT, _json(report))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
