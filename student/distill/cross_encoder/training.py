"""Training a cross-encoder, by the loop of `student.distill.training.loop`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from student.artifacts.digests import digest_json
from student.distill.cross_encoder.batches import DrawnList, ListDraws, pair_batches
from student.distill.cross_encoder.examples import RankingExample, Told
from student.distill.cross_encoder.model import CrossEncoderModel
from student.distill.cross_encoder.recipe import CrossEncoderRecipe
from student.distill.training.loop import Schedule, TrainingRun, run_training
from student.distill.training.precision import autocast
from student.distill.training.supervision import Supervision
from student.runtime.cross_encoder import PairTokens


def logits_of(model: CrossEncoderModel, pairs: Sequence[tuple[str, Told]], tokens: PairTokens) -> Tensor:
    """The logits (N,) of questions with texts."""
    logits = torch.zeros(len(pairs))
    for batch in pair_batches(pairs, tokens):
        with autocast(torch.device("cpu"), "auto"):
            found = model(batch.input_ids, batch.segment_ids, batch.attention_mask)
        logits = logits.index_put((torch.tensor(batch.places),), found.float())
    return logits


def ranking_loss(logits: Tensor, lists: Sequence[DrawnList], recipe: CrossEncoderRecipe) -> Tensor:
    """`mean of -log softmax(list)[answer] + answered_weight · weighted BCE(logit, answers)`.

    Args:
        logits: of all texts of all lists, one list after another.
        lists: with at least one that is answered.
        recipe: for its weights.
    """
    compared, target, weight = [], [], []
    for drawn, part in zip(lists, logits.split([len(drawn.texts) for drawn in lists]), strict=True):
        if drawn.is_answered:
            compared.append(-part.log_softmax(0)[0])
        target += [float(drawn.is_answered), *(0.0 for _ in drawn.texts[1:])]
        weight += [1.0, *(recipe.other_weight for _ in drawn.texts[1:])]
    judged = F.binary_cross_entropy_with_logits(
        logits, torch.tensor(target), weight=torch.tensor(weight), reduction="sum"
    ) / len(lists)
    return torch.stack(compared).mean() + recipe.answered_weight * judged if compared else judged


def train_cross_encoder(
    model: CrossEncoderModel,
    examples: Sequence[RankingExample],
    tokens: PairTokens,
    recipe: CrossEncoderRecipe,
    folder: Path,
    *,
    supervision: Supervision = Supervision(),
) -> None:
    """Trains a cross-encoder in place; a killed run is continued from its checkpoint in `folder`.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other examples.
    """
    draws = ListDraws(examples, recipe)

    def compute_gradients(step: int) -> Tensor:
        lists = draws.lists(step)
        pairs = [(drawn.question, told) for drawn in lists for told in drawn.texts]
        loss = ranking_loss(logits_of(model, pairs, tokens), lists, recipe)
        loss.backward()
        return loss.detach()

    run_training(
        TrainingRun(
            digest=digest_json([recipe.model_dump(), [asdict(example) for example in examples]]),
            folder=folder,
            model=model,
            optimizer=_optimizer(model, recipe),
            schedule=Schedule(
                recipe.steps, recipe.warmup_steps, recipe.checkpoint_steps, decay_steps=recipe.decay_steps
            ),
            compute_gradients=compute_gradients,
            seed_step=lambda step: torch.manual_seed(recipe.seed * 1_000_003 + step),  # the same dropout after a kill
            supervision=supervision,
        )
    )
    model.eval()


def _optimizer(model: CrossEncoderModel, recipe: CrossEncoderRecipe) -> torch.optim.Optimizer:
    rate, trained = recipe.learning_rate, [p for p in model.bert.parameters() if p.requires_grad]
    new = [*model.matches.parameters(), *model.hidden.parameters(), *model.out.parameters()]
    groups = [{"params": trained, "lr": rate}, {"params": new, "lr": rate * recipe.head_rate}]
    return torch.optim.AdamW(groups, weight_decay=0.02)
