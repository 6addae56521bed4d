"""Export of a sentence-transformers folder to one ONNX graph, float32 and then int8.

Pooling and normalization are inside the graph, so that nobody downstream can pool wrongly. Quantization is
dynamic int8 by output channel, with weights in 7 bits (`reduce_range`): the sums of 8-bit products of CPUs without
VNNI saturate otherwise, silently (onnxruntime issues 5849, 6004). Tables of embeddings are in int8 by row.
"""

import logging
import os
import tempfile
import warnings
from pathlib import Path

import onnx

from student.distill.export.embedding_table import quantize_tables
from student.distill.pretrained import Pretrained

SENTENCE_EMBEDDING = "sentence_embedding"
"""The output of a text's embedding: a runtime that is asked for no output by name gives it first."""


def export_graph(pretrained: Pretrained, folder: Path) -> Path:
    """Exports to float32 ONNX with outputs `sentence_embedding`, the first, and `token_embeddings`.

    Returns:
        The graph's path, below `folder`.
    """
    path = _export(pretrained, folder, task="sentence-similarity", library="sentence_transformers")
    model = onnx.load(path)
    outputs = sorted(model.graph.output, key=lambda output: output.name != SENTENCE_EMBEDDING)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, path)
    return path


def export_plain_graph(pretrained: Pretrained, folder: Path) -> Path:
    """Exports the transformer without pooling to float32 ONNX, with the usual output `last_hidden_state`.

    Returns:
        The graph's path, below `folder`.
    """
    return _export(pretrained, folder, task="feature-extraction", library="transformers")


def _export(pretrained: Pretrained, folder: Path, *, task: str, library: str) -> Path:
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything needed is on disk; never ask a hub
    from optimum.exporters.onnx import main_export  # noqa: PLC0415  (seconds to import)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer warnings about masks, checked by the comparison with torch
        main_export(str(pretrained.path), output=folder, task=task, library_name=library, opset=18, device="cpu")
    return folder / "model.onnx"


def quantize_graph(graph: Path, *, is_reduced: bool = True) -> bytes:
    """The int8 graph of a float32 graph; `is_reduced` False takes all 8 bits, for CPUs with VNNI alone."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    logging.getLogger().addFilter(_is_not_preprocessing_advice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = onnx.load(graph)
            made = quantize_tables(model)
            quantized = Path(folder) / "int8.onnx"
            quantize_dynamic(
                model,
                quantized,
                nodes_to_exclude=made,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=is_reduced,
                extra_options={"MatMulConstBOnly": True},
            )
            return quantized.read_bytes()
    finally:
        logging.getLogger().removeFilter(_is_not_preprocessing_advice)


def _is_not_preprocessing_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()
