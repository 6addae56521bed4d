"""The losses of distillation. S are the student's embeddings (B, D), T the teacher's (B, D), both unit norm."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, normalize


def alignment_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Distance of the student from the teacher's embedding of each text: `mean(1 - Sᵢ·Tᵢ)`.

    On unit vectors this is half the squared distance of LEAF (arXiv 2509.12539) and of Reimers & Gurevych 2020
    (arXiv 2004.09813).
    """
    return (1 - (student * teacher).sum(dim=1)).mean()


def similarity_structure_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Distance of the similarities within a batch from the teacher's: `mean((S Sᵀ - T Tᵀ)²)`.

    The relational loss of Park et al. 2019 (arXiv 1904.05068), in the form of Jasper and Stella (arXiv 2412.19048).
    """
    return (student @ student.T - teacher @ teacher.T).square().mean()


def matryoshka_loss(student: Tensor, teacher: Tensor, dimensions: Sequence[int]) -> Tensor:
    """The same for the student's first d numbers only, against the teacher's full similarities, averaged over d.

    Kusupati et al. 2022 (arXiv 2205.13147): the first d dimensions of an embedding work on their own.
    """
    losses = [similarity_structure_loss(normalize(student[:, :d], dim=1), teacher) for d in dimensions]
    return torch.stack(losses).mean()


def neighbor_loss(student: Tensor, teacher: Tensor, others: Tensor, temperature: float) -> Tensor:
    """Distance of how the student ranks other texts for each text from how the teacher does.

    The divergence of the softmax of their similarities to the teacher's embeddings of the others, as in CompRess
    (Koohpayegani et al. 2020, arXiv 2010.14713) and SEED (Fang et al. 2021, arXiv 2101.04731): a small error turns
    neighbors around that the mean over a batch of strangers does not see.

    Args:
        student: (B, D).
        teacher: (B, D).
        others: the teacher's (B, K, D), of each text the same K or its own.
        temperature: divides the similarities.
    """
    by_student, by_teacher = (
        log_softmax(torch.einsum("bd,bkd->bk", own, others) / temperature, dim=1) for own in (student, teacher)
    )
    return kl_div(by_student, by_teacher, reduction="batchmean", log_target=True)


def intent_loss(student: Tensor, teacher: Tensor, known: Tensor, temperature: float) -> Tensor:
    """Distance of the student's intents from the teacher's and from the known ones.

    The divergence of the softened probabilities, times the squared temperature to keep its gradient's size (Hinton et
    al. 2015, arXiv 1503.02531), plus the cross-entropy of the texts whose intent is known.

    Args:
        student: logits (B, C).
        teacher: logits (B, C).
        known: (B,), the number of each text's intent, or -1.
        temperature: divides both logits in the divergence.
    """
    softened = log_softmax(student / temperature, dim=1), log_softmax(teacher / temperature, dim=1)
    loss = kl_div(*softened, reduction="batchmean", log_target=True) * temperature**2
    if bool((known >= 0).any()):
        loss = loss + cross_entropy(student, known, ignore_index=-1)
    return loss


def answer_loss(queries: Tensor, passages: Tensor, is_no_negative: Tensor, temperature: float) -> Tensor:
    """Each query must be nearer to its passage than to the others of the batch: cross-entropy of their similarities.

    InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) with the negatives of a batch.

    Args:
        queries: (P, D).
        passages: (P, D), of each query its own.
        is_no_negative: (P, P), true where a passage answers a query too; its diagonal does not count.
        temperature: divides the similarities.
    """
    own = torch.eye(len(queries), dtype=torch.bool, device=queries.device)
    similarities = (queries @ passages.T / temperature).masked_fill(is_no_negative & ~own, -torch.inf)
    return cross_entropy(similarities, torch.arange(len(queries), device=queries.device))


def answers_as_well(queries: Tensor, passages: Tensor) -> Tensor:
    """(P, P), true where the teacher holds a passage to be at least as near to a query as the query's own.

    Such a passage probably answers too, as in NV-Retriever (arXiv 2407.15831).

    Args:
        queries: the teacher's (P, D).
        passages: the teacher's (P, D).
    """
    similarities = queries @ passages.T
    return similarities >= similarities.diagonal().unsqueeze(1)
