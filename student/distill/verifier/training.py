"""Training an answerability verifier over token embeddings, by the loop of `student.distill.training.loop`."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from student.artifacts.digests import digest_json
from student.distill.training.loop import Schedule, TrainingRun, run_training
from student.distill.training.precision import autocast
from student.distill.training.supervision import Supervision
from student.distill.verifier.batches import Batch, ExampleDraws, make_batch
from student.distill.verifier.examples import VerifierExample
from student.distill.verifier.model import VerifierModel
from student.distill.verifier.recipe import VerifierRecipe
from student.distill.verifier.token_table import TokenTable


def verifier_loss(model: VerifierModel, batch: Batch, recipe: VerifierRecipe) -> Tensor:
    """`BCE(logit, is_answered) + place_weight · mean over answered of -log P(a token of the answer)`."""
    with autocast(torch.device("cpu"), "auto"):
        logit, scores = model(batch.question, batch.heading, batch.text)
    loss = F.binary_cross_entropy_with_logits(
        logit.float(), batch.is_answered, pos_weight=torch.tensor(recipe.positive_weight)
    )
    answered = (batch.is_answered > 0) & batch.is_answer.any(1)
    if answered.any():
        scores = scores.float()[answered].log_softmax(1)
        answer = scores.masked_fill(~batch.is_answer[answered], -1e4).logsumexp(1)
        loss = loss - recipe.place_weight * answer.mean()
    return loss


def train_verifier(
    model: VerifierModel,
    examples: Sequence[VerifierExample],
    table: TokenTable,
    recipe: VerifierRecipe,
    folder: Path,
    *,
    supervision: Supervision = Supervision(),
) -> None:
    """Trains a verifier in place; a killed run is continued from its checkpoint in `folder`.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other examples.
    """
    draws = ExampleDraws(examples, recipe)

    def compute_gradients(step: int) -> Tensor:
        rows = sorted(draws.rows(step), key=lambda row: len(examples[row].text))
        halves = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]  # like lengths together save padding
        loss = torch.zeros(())
        for half in halves:
            part = verifier_loss(model, make_batch([examples[row] for row in half], table), recipe) / len(halves)
            part.backward()
            loss = loss + part.detach()
        return loss

    run_training(
        TrainingRun(
            digest=digest_json([recipe.model_dump(), [[e.kind, e.question, e.text, e.span] for e in examples]]),
            folder=folder,
            model=model,
            optimizer=torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.05),
            schedule=Schedule(recipe.steps, recipe.warmup_steps, recipe.checkpoint_steps),
            compute_gradients=compute_gradients,
            seed_step=lambda step: torch.manual_seed(recipe.seed * 1_000_003 + step),  # the same dropout after a kill
            supervision=supervision,
        )
    )
    model.eval()
