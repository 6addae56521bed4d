"""The cross-encoder as a torch model: layers of the bundle's encoder, read over a question and a text together."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers import BertConfig, BertModel

from student.distill.encoder.recipe import RecipeRefused
from student.distill.pretrained import Pretrained

_NOISE = 0.02
"""Standard deviation by which the embedding of the text's segment begins apart from the question's."""


class CrossEncoderModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """BERT over a pair, told which tokens match; what it made of the two sides is compared → a logit.

    `input_ids`, `segment_ids`, `attention_mask` (B, T) → logits (B,).

    Layers that were trained to embed one text do not look across to another. So each token comes with how near the
    nearest token of the other side is to it, by their embeddings and as the same piece; and the logit is made of what a
    bi-encoder would compare as well: both means, their product and difference, and the nearest tokens (late
    interaction, Khattab & Zaharia 2020, arXiv 2004.12832). Without them nothing is learned in the first hundred steps.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        # Eager attention: the fused kernel's backward pass is slower on CPUs (docs/log.md).
        self.bert = BertModel._from_config(config, add_pooling_layer=False, attn_implementation="eager")
        self.matches = torch.nn.Linear(2, config.hidden_size, bias=False)
        self.hidden = torch.nn.Linear(5 * config.hidden_size + _COMPARED, config.hidden_size)
        self.out = torch.nn.Linear(config.hidden_size, 1)

    def forward(self, input_ids: Tensor, segment_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (B,), in float32 whatever the arithmetic inside."""
        asked, told = _sides(segment_ids, attention_mask)  # (B, T) each
        pieces = self.bert.embeddings.word_embeddings(input_ids)  # (B, T, H)
        same = (input_ids.unsqueeze(2) == input_ids.unsqueeze(1)).float()
        nearest = [_nearest(of, asked, told) for of in (_cosines(pieces), same)]  # (B, T) each
        embedded = pieces + self.matches(torch.stack(nearest, -1).to(pieces.dtype))
        states = self.bert(
            inputs_embeds=embedded, token_type_ids=segment_ids, attention_mask=attention_mask
        ).last_hidden_state.float()  # (B, T, H)
        question, text = _mean(states, asked), _mean(states, told)  # (B, H)
        found = _nearest(_cosines(states), asked, told).unsqueeze(-1)  # (B, T, 1)
        words = torch.stack(nearest, -1).float()  # (B, T, 2)
        compared = torch.cat([_mean(torch.cat([found, words], -1), side) for side in (asked, told)], -1)  # (B, 6)
        cosine = F.cosine_similarity(question, text).unsqueeze(-1)
        both = [question, text, question * text, (question - text).abs(), states[:, 0], compared, cosine]
        return self.out(F.gelu(self.hidden(torch.cat(both, -1)))).squeeze(-1)


_COMPARED = 7
"""Numbers that compare the sides: mean nearest tokens by state, by piece, as the same piece, of each; one cosine."""


def _sides(segment_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    told = attention_mask * segment_ids
    return (attention_mask - told).float(), told.float()


def _cosines(states: Tensor) -> Tensor:
    """Of all tokens with all (B, T, T)."""
    unit = F.normalize(states.float(), dim=-1)
    return unit @ unit.transpose(1, 2)


def _nearest(similarities: Tensor, asked: Tensor, told: Tensor) -> Tensor:
    """The highest similarity (B, T) of each token to one of the other side."""
    across = asked.unsqueeze(2) * told.unsqueeze(1) + told.unsqueeze(2) * asked.unsqueeze(1)  # (B, T, T)
    return (similarities * across - (1 - across)).amax(2)


def _mean(states: Tensor, own: Tensor) -> Tensor:
    """Over the tokens of one side: (B, T, H) and (B, T) → (B, H)."""
    own = own.unsqueeze(-1)
    return (states * own).sum(1) / own.sum(1).clamp(min=1)


def start_cross_encoder(start: Pretrained, layers: Sequence[int], *, dropout: float) -> CrossEncoderModel:
    """The untrained cross-encoder: chosen layers of a student, whose table of pieces is not trained.

    Raises:
        RecipeRefused: the student has no such layer.
    """
    source = BertModel.from_pretrained(start.path, add_pooling_layer=False, local_files_only=True)
    if max(layers) >= source.config.num_hidden_layers:
        raise RecipeRefused(
            f"the recipe asks for layers {list(layers)}; {start.name} has {source.config.num_hidden_layers}"
        )
    changed = {
        "num_hidden_layers": len(layers),
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "type_vocab_size": 2,
    }
    model = CrossEncoderModel(BertConfig(**(source.config.to_dict() | changed)))
    inner = source.state_dict()
    state = {name: value for name, value in inner.items() if name.startswith("embeddings.")}
    segments = state[_SEGMENTS][:1].repeat(2, 1)  # the student knows one
    segments[1] += torch.randn_like(segments[1]) * _NOISE
    state[_SEGMENTS] = segments
    for new, old in enumerate(layers):
        own = f"encoder.layer.{old}."
        state |= {name.replace(own, f"encoder.layer.{new}.", 1): inner[name] for name in inner if name.startswith(own)}
    model.bert.load_state_dict(state)
    torch.nn.init.normal_(model.matches.weight, std=_NOISE)
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    return model


_SEGMENTS = "embeddings.token_type_embeddings.weight"
