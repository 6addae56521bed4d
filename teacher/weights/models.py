"""Model folders from converted weights, and the int8 graph beside them. Loads torch."""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig

from student.distill.encoder.model import StudentModel, save_sentence_transformer
from student.distill.export.onnx_graph import export_plain_graph, quantize_graph
from student.distill.pretrained import open_pretrained
from teacher.errors import WeightsUnreadable
from teacher.weights.nano_e5 import read_container, tokenizer_of

GRAPH, INT8_GRAPH = "model.onnx", "model_int8.onnx"
_MAX_TOKENS = 512


def write_e5(content: bytes, folder: Path) -> None:
    """Writes multilingual-e5-small as a sentence-transformers folder. Raises `WeightsUnreadable`."""
    container = read_container(content)
    model = StudentModel(BertConfig(**container.config))
    try:
        model.bert.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in container.state.items()})
    except RuntimeError as error:
        raise WeightsUnreadable("the container's tensors are not those of its BERT; get it again") from error
    tokenizer = str(tokenizer_of(container.pieces, _MAX_TOKENS).to_str())
    save_sentence_transformer(model, tokenizer, folder, max_tokens=_MAX_TOKENS)
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts, indent=2) + "\n", encoding="utf-8")


def write_int8_graph(folder: Path, *, license_: str) -> None:
    """Writes the transformer of a folder as an int8 graph beside its weights, with the output `last_hidden_state`."""
    pretrained = open_pretrained(folder, name=folder.name, license_=license_)
    with tempfile.TemporaryDirectory() as temporary:
        graph = quantize_graph(export_plain_graph(pretrained, Path(temporary)), is_reduced=False)
    (folder / INT8_GRAPH).write_bytes(graph)
