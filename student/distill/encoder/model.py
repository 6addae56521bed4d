"""The student as a torch model, started from pretrained layers, and as a folder that sentence-transformers loads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertConfig, BertModel

from student.distill.encoder.recipe import Architecture, RecipeRefused
from student.distill.encoder.student_card import write_student_card
from student.distill.encoder.vocabulary import initial_embeddings, pieces_of, read_pieces
from student.distill.pretrained import DISTILLATION, Pretrained
from student.distill.training.precision import move

DENSE = "2_Dense"
_RIDGE = 1e-3


class StudentModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """BERT, the mean over tokens, a linear map where there is one, unit norm.

    `input_ids`, `attention_mask` (B, T) → embeddings (B, D).

    Args:
        config: of the BERT, of hidden size H.
        dimension: D; None for no map, D = H.
    """

    def __init__(self, config: BertConfig, dimension: int | None = None) -> None:
        super().__init__()
        # Eager attention: with the fused kernel a step on a CPU takes a third longer (docs/log.md).
        self.bert = BertModel._from_config(config, add_pooling_layer=False, attn_implementation="eager")
        self.map = torch.nn.Linear(config.hidden_size, dimension, bias=False) if dimension else None

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.map.out_features if self.map else self.bert.config.hidden_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings (B, D) in float32, whatever the arithmetic inside."""
        return torch.nn.functional.normalize(self.mapped(self.mean(input_ids, attention_mask)), dim=1)

    def mean(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The mean (B, H) of the tokens' embeddings, in float32."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()  # (B, T, H)
        weights = attention_mask.unsqueeze(-1).float()  # (B, T, 1)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)

    def mapped(self, means: Tensor) -> Tensor:
        """(B, H) → (B, D)."""
        return self.map(means).float() if self.map else means


def start_student(
    start: Pretrained, architecture: Architecture, tokenizer: str, *, dimension: int, is_same_space: bool
) -> StudentModel:
    """The untrained student: chosen layers of the start, embeddings from its own, and a map where spaces differ.

    Args:
        start: the pretrained encoder.
        architecture: `layers` None takes all of them, and its vocabulary.
        tokenizer: the student's `tokenizer.json`.
        dimension: of the targets.
        is_same_space: the start's own embeddings lie in the targets' space already.

    Raises:
        RecipeRefused: the start is no BERT, or has no such layer.
    """
    source = BertModel.from_pretrained(start.path, add_pooling_layer=False, local_files_only=True)
    layers = architecture.layers
    if layers is None:
        layers = list(range(source.config.num_hidden_layers))
    if source.config.model_type != "bert" or max(layers) >= source.config.num_hidden_layers:
        raise RecipeRefused(
            f"the recipe asks for layers {layers} of a BERT; {start.name} is a {source.config.model_type} with "
            f"{source.config.num_hidden_layers} layers"
        )
    pieces = pieces_of(tokenizer)
    changed = {
        "vocab_size": len(pieces),
        "num_hidden_layers": len(layers),
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "pad_token_id": 0,
    }
    hidden = source.config.hidden_size
    dense = start.path / DENSE / "model.safetensors"
    has_map = not is_same_space or dense.exists()
    if is_same_space and not has_map and dimension != hidden:
        raise RecipeRefused(f"{start.name} makes {hidden} numbers, the targets hold {dimension}; label again")
    student = StudentModel(BertConfig(**(source.config.to_dict() | changed)), dimension if has_map else None)
    student.bert.load_state_dict(
        _chosen(source.state_dict(), layers, pieces, read_pieces(start.path / "tokenizer.json"))
    )
    if student.map and is_same_space:
        student.map.load_state_dict({"weight": load_file(dense)["linear.weight"]})
    return student


def _chosen(inner: dict[str, Tensor], layers: list[int], pieces: list[str], known: list[str]) -> dict[str, Tensor]:
    """The state of a BERT with some layers and other pieces."""
    words = inner["embeddings.word_embeddings.weight"].numpy().astype(np.float32)
    state = {name: value for name, value in inner.items() if name.startswith("embeddings.")}
    state["embeddings.word_embeddings.weight"] = torch.from_numpy(initial_embeddings(pieces, known, words))
    for new, old in enumerate(layers):
        for name, value in inner.items():
            if name.startswith(f"encoder.layer.{old}."):
                state[name.replace(f"encoder.layer.{old}.", f"encoder.layer.{new}.", 1)] = value
    return state


def fit_map(student: StudentModel, means: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
    """Sets the map by ridge regression of targets (N, D) on the untrained student's means (N, H)."""
    if student.map is None:
        return
    moment = means.T.astype(np.float64) @ means
    ridge = _RIDGE * np.trace(moment) / len(moment) * np.eye(len(moment))
    solved = np.linalg.solve(moment + ridge, means.T.astype(np.float64) @ targets)  # (H, D)
    student.map.weight.data = torch.from_numpy(solved.T.astype(np.float32))


def pad(tokens: Sequence[Sequence[int] | NDArray[np.int32]], device: torch.device) -> tuple[Tensor, Tensor]:
    """A batch of token ids as `input_ids` and `attention_mask` (B, T); piece 0 is the padding."""
    longest = max(len(ids) for ids in tokens)
    input_ids = np.zeros((len(tokens), longest), dtype=np.int64)
    for row, ids in enumerate(tokens):
        input_ids[row, : len(ids)] = ids
    padded = torch.from_numpy(input_ids)
    return move(padded, device), move((padded != 0).long(), device)


def save_sentence_transformer(
    student: StudentModel, tokenizer: str, folder: Path, *, max_tokens: int, facts: dict[str, Any] | None = None
) -> None:
    """Writes an ordinary sentence-transformers folder.

    Args:
        student: the model, or any other of that form.
        tokenizer: the content of its `tokenizer.json`, WordPiece or Unigram.
        folder: is made.
        max_tokens: window, special tokens included.
        facts: of a student (space, lineage, log), for `distillation.json` and its card, README.md; None for weights
            that were not distilled here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_tensors(folder / "model.safetensors", student.bert.state_dict())
    student.bert.config.architectures = ["BertModel"]
    student.bert.config.save_pretrained(folder)
    hidden, modules = student.bert.config.hidden_size, ["Transformer", "Pooling"]
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True}
    files = {
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": _json(_tokenizer_config(tokenizer, max_tokens)),
        "sentence_bert_config.json": _json({"max_seq_length": max_tokens, "do_lower_case": False}),
        "1_Pooling/config.json": _json(pooling),
    }
    if facts is not None:
        files[DISTILLATION] = _json(facts)
        files["README.md"] = write_student_card(
            facts, pieces=len(pieces_of(tokenizer)), dimension=student.dimension, max_tokens=max_tokens
        )
    if student.map:
        modules.append("Dense")
        linear = {"in_features": hidden, "out_features": student.dimension, "bias": False}
        files[f"{DENSE}/config.json"] = _json(linear | {"activation_function": "torch.nn.modules.linear.Identity"})
        _save_tensors(folder / DENSE / "model.safetensors", {"linear.weight": student.map.weight.data})
    modules.append("Normalize")
    named = [(name, f"{number}_{name}" if number else "") for number, name in enumerate(modules)]
    files["modules.json"] = _json(
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
            for number, (name, path) in enumerate(named)
        ]
    )
    files[f"{named[-1][1]}/.keep"] = ""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def _tokenizer_config(tokenizer: str, max_tokens: int) -> dict[str, Any]:
    """How transformers opens the tokenizer, and its special pieces."""
    names: dict[str, str]
    if json.loads(tokenizer)["model"]["type"] == "WordPiece":
        names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
        kind: dict[str, Any] = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True}
    else:
        names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
        kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    return kind | names | {"model_max_length": max_tokens}


def _save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata={"format": "pt"})


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
