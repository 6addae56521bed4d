"""The losses of fine-tuning a teacher."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive_loss(
    queries: Tensor, passages: Tensor, negatives: Tensor, is_same_guide: Tensor, temperature: float
) -> Tensor:
    """Contrastive loss: each query must find its own passage among those of the batch and its hard negatives.

    InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) with in-batch negatives (Henderson et al. 2017, arXiv
    1705.00652) and mined ones (Karpukhin et al. 2020, arXiv 2004.04906).

    Args:
        queries: (B, D), unit norm.
        passages: (B, D), unit norm; row i answers query i.
        negatives: (B, D), unit norm; hard for query i, and in the batch for all.
        is_same_guide: (B, 2B), whether a passage or negative is of the guide of a query: those count neither as
            right nor as wrong, save the query's own passage.
        temperature: divides the similarities.
    """
    similarities = queries @ torch.cat([passages, negatives]).T / temperature  # (B, 2B)
    own = torch.arange(len(queries), device=queries.device)
    ignored = is_same_guide.clone()
    ignored[own, own] = False
    return cross_entropy(similarities.masked_fill(ignored, -torch.inf), own)
