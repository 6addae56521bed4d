"""Model folders from converted weights, and the int8 graph beside them. Loads torch."""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from student.distill.export.onnx_graph import export_plain_graph, quantize_graph
from student.distill.pretrained import open_pretrained
from teacher.errors import WeightsUnreadable
from teacher.weights.nano_e5 import read_container, tokenizer_of

GRAPH, INT8_GRAPH = "model.onnx", "model_int8.onnx"
_MAX_TOKENS = 512


def write_e5(content: bytes, folder: Path) -> None:
    """Writes multilingual-e5-small as a sentence-transformers folder. Raises `WeightsUnreadable`."""
    container = read_container(content)
    model = BertModel(BertConfig(**container.config), add_pooling_layer=False)
    try:
        model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in container.state.items()})
    except RuntimeError as error:
        raise WeightsUnreadable("the container's tensors are not those of its BERT; get it again") from error
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = ["BertModel"]
    model.save_pretrained(folder)
    special = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "bos": "<s>", "eos": "</s>"}
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": _MAX_TOKENS}
    modules = ["Transformer", "Pooling", "Normalize"]
    files = {
        "tokenizer.json": str(tokenizer_of(container.pieces, _MAX_TOKENS).to_str()),
        "tokenizer_config.json": _json(tokenizer | {f"{name}_token": piece for name, piece in special.items()}),
        "sentence_bert_config.json": _json({"max_seq_length": _MAX_TOKENS, "do_lower_case": False}),
        "config_sentence_transformers.json": _json({"prompts": {"query": "query: ", "passage": "passage: "}}),
        "modules.json": _json(
            [
                {
                    "idx": number,
                    "name": str(number),
                    "path": f"{number}_{name}" if number else "",
                    "type": f"sentence_transformers.models.{name}",
                }
                for number, name in enumerate(modules)
            ]
        ),
        "1_Pooling/config.json": _json(
            {"word_embedding_dimension": model.config.hidden_size, "pooling_mode_mean_tokens": True}
        ),
        "2_Normalize/.keep": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def write_int8_graph(folder: Path, *, license_: str) -> None:
    """Writes the transformer of a folder as an int8 graph beside its weights, with the output `last_hidden_state`."""
    pretrained = open_pretrained(folder, name=folder.name, license_=license_)
    with tempfile.TemporaryDirectory() as temporary:
        graph = quantize_graph(export_plain_graph(pretrained, Path(temporary)), is_reduced=False)
    (folder / INT8_GRAPH).write_bytes(graph)


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
