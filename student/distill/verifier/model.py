"""The answerability verifier as a torch model: tokens of the question are aligned with the passage, and compared.

Decomposable attention (Parikh et al. 2016, arXiv 1606.01933) over the frozen token embeddings of the student, with
attention among the question's own tokens in between, so that the passage is projected once and only the question, a
dozen tokens, goes through the layers. B batch; Q, H, T tokens of question, headings and text; D the encoder's size.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (torch's own name for it)

HIDDEN, LAYERS, HEADS = 128, 2, 4
_FAR = -1e4
"""Added to what attention must not see."""


class Tokens(NamedTuple):
    """Token embeddings (B, T, D), which pieces they are (B, T), and which are no padding (B, T)."""

    embeddings: Tensor
    ids: Tensor
    is_own: Tensor


class VerifierModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """Question, headings and text → logit (B,) that the text answers, and scores (B, T) of where."""

    def __init__(self, dimension: int, *, dropout: float = 0.15) -> None:
        super().__init__()
        self.proj = torch.nn.Linear(dimension, HIDDEN)
        self.seg = torch.nn.Embedding(3, HIDDEN)
        self.feat = torch.nn.Linear(4, HIDDEN)
        self.ln, self.lm, self.out = (torch.nn.LayerNorm(HIDDEN) for _ in range(3))
        self.layers = torch.nn.ModuleList([_Layer(dropout) for _ in range(LAYERS)])
        self.pool, self.tf = torch.nn.Linear(HIDDEN, 1), torch.nn.Linear(HIDDEN, 1)
        self.key = torch.nn.Linear(HIDDEN, HIDDEN)
        self.cls = torch.nn.Linear(2 * HIDDEN + 3, 1)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, question: Tokens, heading: Tokens, text: Tokens) -> tuple[Tensor, Tensor]:
        """Logit (B,) and token scores (B, T)."""
        in_text, in_heading = _Matches(question, text), _Matches(question, heading)
        of_question = torch.stack([*in_text.of_question(), *in_heading.of_question()], -1)[
            ..., [0, 2, 1, 3]
        ]  # (B, Q, 4)
        best, same = in_text.of_passage()
        of_text = torch.stack([best, torch.zeros_like(best), same, torch.zeros_like(best)], -1)  # (B, T, 4)
        best, same = in_heading.of_passage()
        of_heading = torch.stack([torch.zeros_like(best), best, torch.zeros_like(best), same], -1)  # (B, H, 4)
        x = self.drop(self.ln(self._embed(question, 0, of_question)))  # (B, Q, HIDDEN)
        passage = torch.cat([self._embed(heading, 1, of_heading), self._embed(text, 2, of_text)], 1)
        passage = self.drop(self.lm(passage))  # (B, H + T, HIDDEN)
        is_passage = torch.cat([heading.is_own, text.is_own], 1)
        for layer in self.layers:
            x = layer(x, passage, question.is_own, is_passage)
        x = self.out(x)
        weights = self.pool(x).squeeze(-1).masked_fill(~question.is_own, _FAR).softmax(-1)
        pooled = (weights.unsqueeze(-1) * x).sum(1)  # (B, HIDDEN)
        highest = x.masked_fill(~question.is_own.unsqueeze(-1), _FAR).amax(1)
        whole = [
            _cosine(question, text),
            _cosine(question, heading),
            _mean(of_question[..., :1], question.is_own)[:, 0],
        ]
        logit = self.cls(torch.cat([pooled, highest, 4 * torch.stack(whole, -1)], -1)).squeeze(-1)
        own = passage[:, heading.ids.shape[1] :]  # (B, T, HIDDEN)
        scores = (self.key(pooled).unsqueeze(1) * own).sum(-1) / math.sqrt(HIDDEN) + self.tf(own).squeeze(-1)
        return logit, scores.masked_fill(~text.is_own, -30.0)

    def _embed(self, tokens: Tokens, segment: int, matches: Tensor) -> Tensor:
        return self.proj(tokens.embeddings) + self.seg.weight[segment] + self.feat(matches)


class _Matches:
    """Best match of each token of the question in a part of the passage: by cosine, and as the same piece."""

    def __init__(self, question: Tokens, part: Tokens) -> None:
        cosines = F.normalize(question.embeddings, dim=-1) @ F.normalize(part.embeddings, dim=-1).transpose(1, 2)
        self._both = question.is_own.unsqueeze(2) & part.is_own.unsqueeze(1)  # (B, Q, T)
        self._cosines = cosines.masked_fill(~self._both, -1.0)
        self._same = ((question.ids.unsqueeze(2) == part.ids.unsqueeze(1)) & self._both).float()

    def of_question(self) -> tuple[Tensor, Tensor]:
        return self._cosines.amax(2), self._same.amax(2)

    def of_passage(self) -> tuple[Tensor, Tensor]:
        return self._cosines.amax(1), self._same.amax(1)


class _Layer(torch.nn.Module):  # type: ignore[misc]
    """Attention among the question, then to the passage, a comparison with what was found there, and a small MLP."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.n1, self.n2, self.n3 = (torch.nn.LayerNorm(HIDDEN) for _ in range(3))
        self.qkv, self.kv = torch.nn.Linear(HIDDEN, 3 * HIDDEN), torch.nn.Linear(HIDDEN, 2 * HIDDEN)
        self.q, self.o1, self.o2 = (torch.nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.cmp = torch.nn.Linear(4 * HIDDEN, HIDDEN)
        self.f1, self.f2 = torch.nn.Linear(HIDDEN, 2 * HIDDEN), torch.nn.Linear(2 * HIDDEN, HIDDEN)
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, x: Tensor, passage: Tensor, is_question: Tensor, is_passage: Tensor) -> Tensor:
        query, key, value = self.qkv(self.n1(x)).chunk(3, -1)
        x = x + self.drop(self.o1(_attend(query, key, value, is_question)))
        y = self.n2(x)
        key, value = self.kv(passage).chunk(2, -1)
        found = self.o2(_attend(self.q(y), key, value, is_passage))
        x = x + self.drop(self.cmp(torch.cat([found, y * found, (y - found).abs(), y], -1)))
        return x + self.drop(self.f2(F.gelu(self.f1(self.n3(x)))))


def _attend(query: Tensor, key: Tensor, value: Tensor, is_key: Tensor) -> Tensor:
    query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (query, key, value))
    weights = query @ key.transpose(2, 3) / math.sqrt(HIDDEN // HEADS)  # (B, HEADS, Q, T)
    weights = weights.masked_fill(~is_key[:, None, None], _FAR).softmax(-1)
    return (weights @ value).transpose(1, 2).flatten(2)


def _mean(values: Tensor, is_own: Tensor) -> Tensor:
    own = is_own.unsqueeze(-1).float()
    return (values * own).sum(1) / own.sum(1).clamp(min=1)


def _cosine(question: Tokens, part: Tokens) -> Tensor:
    return F.cosine_similarity(_mean(question.embeddings, question.is_own), _mean(part.embeddings, part.is_own))
