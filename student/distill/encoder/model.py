"""The student as a torch model, cut from its teacher, and as a sentence-transformers folder that any tool loads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig, BertModel

from student.distill.encoder.recipe import Architecture, RecipeRefused
from student.distill.encoder.vocabulary import initial_embeddings, read_pieces, tokenizer_json
from student.distill.pretrained import DISTILLATION, Pretrained


class StudentModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """BERT, the mean over tokens, unit norm: `input_ids`, `attention_mask` (B, T) → embeddings (B, D)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings (B, D) in float32, whatever the arithmetic inside."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()  # (B, T, D)
        weights = attention_mask.unsqueeze(-1).float()  # (B, T, 1)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1)


def cut_student(teacher: Pretrained, architecture: Architecture, pieces: list[str]) -> StudentModel:
    """The untrained student: chosen layers of the teacher, embeddings from its own.

    Raises:
        RecipeRefused: the teacher is no BERT, or has no such layer.
    """
    source = BertModel.from_pretrained(teacher.path, add_pooling_layer=False, local_files_only=True)
    if source.config.model_type != "bert" or max(architecture.layers) >= source.config.num_hidden_layers:
        raise RecipeRefused(
            f"the recipe asks for layers {architecture.layers} of a BERT; the teacher is a {source.config.model_type} "
            f"with {source.config.num_hidden_layers} layers"
        )
    config = BertConfig(
        **(
            source.config.to_dict()
            | {
                "vocab_size": len(pieces),
                "num_hidden_layers": len(architecture.layers),
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
                "pad_token_id": 0,
            }
        )
    )
    student = StudentModel(config)
    inner = source.state_dict()
    words = inner["embeddings.word_embeddings.weight"].numpy().astype(np.float32)
    state = {name: value for name, value in inner.items() if name.startswith("embeddings.")}
    state["embeddings.word_embeddings.weight"] = torch.from_numpy(
        initial_embeddings(pieces, read_pieces(teacher.path / "tokenizer.json"), words)
    )
    for new, old in enumerate(architecture.layers):
        for name, value in inner.items():
            if name.startswith(f"encoder.layer.{old}."):
                state[name.replace(f"encoder.layer.{old}.", f"encoder.layer.{new}.", 1)] = value
    student.bert.load_state_dict(state)
    return student


def open_student(start: Pretrained, architecture: Architecture, dimension: int) -> StudentModel:
    """An earlier student, to go on from; `dimension` is its teacher's.

    Raises:
        RecipeRefused: it is not of that architecture or dimension.
    """
    if start.dimension != dimension:
        raise RecipeRefused(
            f"{start.path} makes embeddings of {start.dimension} numbers, its teacher of {dimension}; start from a "
            "student of this teacher, or from none"
        )
    inner = BertModel.from_pretrained(start.path, add_pooling_layer=False, local_files_only=True)
    layers, pieces = inner.config.num_hidden_layers, inner.config.vocab_size
    if layers != len(architecture.layers) or pieces > architecture.vocabulary:
        raise RecipeRefused(
            f"{start.path} has {layers} layers and {pieces} pieces, the recipe asks for {len(architecture.layers)} and "
            f"at most {architecture.vocabulary}; start from a student of the same architecture"
        )
    student = StudentModel(inner.config)
    student.bert.load_state_dict(inner.state_dict())
    return student


def pad(tokens: Sequence[Sequence[int] | NDArray[np.int32]], device: torch.device) -> tuple[Tensor, Tensor]:
    """A batch of token ids as `input_ids` and `attention_mask` (B, T); piece 0 is the padding."""
    longest = max(len(ids) for ids in tokens)
    input_ids = np.zeros((len(tokens), longest), dtype=np.int64)
    for row, ids in enumerate(tokens):
        input_ids[row, : len(ids)] = ids
    padded = torch.from_numpy(input_ids)
    return padded.to(device), (padded != 0).long().to(device)


def save_sentence_transformer(
    student: StudentModel, pieces: list[str], folder: Path, *, max_tokens: int, facts: dict[str, Any]
) -> None:
    """Writes an ordinary sentence-transformers folder; `facts` (space, lineage, log) go into `distillation.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in student.bert.state_dict().items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    student.bert.config.architectures = ["BertModel"]
    student.bert.config.save_pretrained(folder)
    pooling = {"word_embedding_dimension": student.bert.config.hidden_size, "pooling_mode_mean_tokens": True}
    tokenizer = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "model_max_length": max_tokens} | {
        f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")
    }
    files = {
        "tokenizer.json": tokenizer_json(pieces, max_tokens),
        "vocab.txt": "\n".join(pieces) + "\n",
        "tokenizer_config.json": _json(tokenizer),
        "sentence_bert_config.json": _json({"max_seq_length": max_tokens, "do_lower_case": False}),
        "modules.json": _json(
            [
                {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
            ]
        ),
        "1_Pooling/config.json": _json(pooling),
        "2_Normalize/.keep": "",
        DISTILLATION: _json(facts),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
