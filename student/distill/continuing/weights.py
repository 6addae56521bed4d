"""Weights of a bundle, read back from its int8 graph, so that anyone who has a bundle can train on from it.

A weight is what its int8 number stands for: rounded once, so the embeddings differ from those of the float student
less than the bundle's own do, whose activations are rounded as well. The number of attention heads is not in the
graph: it is the one with which the bundle's probes come out.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertConfig

from student.artifacts.durable import making_folder
from student.bundle.folder import Bundle, open_bundle
from student.bundle.manifest import MANIFEST, Origin
from student.distill.encoder.model import StudentModel, pad, save_sentence_transformer
from student.distill.export.embedding_table import ROW_SCALES, ROWS
from student.distill.pretrained import Pretrained, open_model, open_pretrained
from student.errors import BundleUnusable
from student.runtime.probes import read_probes

BUNDLE_ROLE = "bundle"
_LEAST_SIMILARITY = 0.97
"""Cosine of a probe's embedding and the bundle's own; bundles of three layers reach 0.995."""
_PLACE = re.compile(r"(embeddings|encoder)[./].*")
_QUANTIZED = "_quantized"
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_Tensors = dict[str, NDArray[np.float32]]


def open_start(path: Path | None, folder: Path, *, name: str | None, license_: str | None) -> Pretrained:
    """The weights that a student starts from.

    Args:
        path: a sentence-transformers folder, or a bundle, whose weights are unpacked; None for the official MiniLM.
        folder: below which weights of bundles are unpacked.
        name: of a folder's model in lineage and model cards; a bundle has its own.
        license_: of a folder's model, an SPDX expression. None for both: what the folder says of itself.

    Raises:
        BundleError: see `unpack_weights`. WeightsRefused: the folder holds no weights.
    """
    if path and (path / MANIFEST).is_file():
        return unpack_weights(path, folder)
    return open_model(path, name=name, license_=license_)


def unpack_weights(path: Path, folder: Path) -> Pretrained:
    """Makes a sentence-transformers folder of a bundle's encoder, or opens the one that was made there before.

    Args:
        path: of the bundle.
        folder: below which they go, by the bundle's digest: another bundle at the same path is another start.

    Raises:
        BundleError: the bundle cannot be opened, or its graph is no BERT that this project exported.
    """
    bundle = open_bundle(path)
    own = folder / bundle.digest[:12]
    if not own.exists():
        tensors, linear, epsilon = _read_tensors(bundle)
        student = _with_probed_heads(bundle, tensors, linear, epsilon)
        tokenizer = bundle.read(bundle.manifest.encoder.tokenizer).decode()
        window = bundle.manifest.encoder.max_tokens
        with making_folder(own) as new:
            save_sentence_transformer(student, tokenizer, new, max_tokens=window, facts=_facts(bundle))
    return open_pretrained(own, name=bundle.manifest.name, license_=_license(bundle))


def _facts(bundle: Bundle) -> dict[str, Any]:
    """The `distillation.json` of the weights: the bundle's space, and the bundle as their origin."""
    manifest = bundle.manifest
    itself = Origin(role=BUNDLE_ROLE, name=manifest.name, sha256=bundle.digest, license=_license(bundle))
    told = manifest.model_dump().get("distillation") or {}
    return {
        "name": manifest.name,
        "license": _license(bundle),
        "read_back_from": f"{manifest.name}, serial {manifest.serial}",
        "embedding_space": manifest.embedding_space,
        "languages": manifest.languages,
        "recipe": told.get("recipe", {}),
        "mix": told.get("mix", {}),
        "log": told.get("log", []),
        "lineage": [itself.model_dump(), *(origin.model_dump() for origin in manifest.lineage)],
        "privacy": [each.model_dump() for each in manifest.privacy],
    }


def _license(bundle: Bundle) -> str:
    """Of the encoder."""
    graph = bundle.manifest.encoder.graph
    return next((each.spdx for each in bundle.manifest.licenses if graph in each.applies_to), "LicenseRef-unknown")


def _read_tensors(bundle: Bundle) -> tuple[_Tensors, NDArray[np.float32] | None, float]:
    """The BERT's tensors by the names that it has in transformers, the map after it, and the layer norm's epsilon."""
    try:
        graph = onnx.load_from_string(bundle.read(bundle.manifest.encoder.graph)).graph
    except Exception as error:  # protobuf's own errors share no public base class
        raise _foreign(bundle, "it cannot be read") from error
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:  # equal tensors of several places are stored once
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    tensors: _Tensors = {}
    linear, epsilon = None, 1e-12
    for node in graph.node:
        place = _PLACE.search(node.name)
        module = place[0].rsplit("/", 1)[0].replace("/", ".") if place else None
        if node.op_type == "MatMulInteger":
            weight = _dequantized(stored, node.input[1]).T
            if module:
                tensors[f"{module}.weight"] = weight
            else:
                linear = weight
        elif node.op_type == "LayerNormalization":
            tensors |= {f"{module}.weight": stored[node.input[1]], f"{module}.bias": stored[node.input[2]]}
            epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), epsilon)
        elif node.op_type == "Gather" and module and (table := read_table(stored, node.input[0])) is not None:
            tensors[f"{module}.weight"] = table
        elif node.op_type == "Add" and module and any(name in stored for name in node.input):
            bias = next(stored[name] for name in node.input if name in stored)
            if bias.ndim == 1:
                tensors[f"{module}.bias"] = bias
    return tensors, linear, epsilon


def read_table(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32] | None:
    """The table (V, H) that rows are looked up in: float, of one scale, or of a scale for each row; None for others."""
    if name.endswith(_QUANTIZED) and name in stored:
        return _dequantized(stored, name)
    if name.endswith(ROWS) and name in stored:
        return np.asarray(stored[name] * stored[name.removesuffix(ROWS) + ROW_SCALES], dtype=np.float32)
    is_table = name in stored and stored[name].ndim == 2 and stored[name].shape[1] > 1
    return np.asarray(stored[name], dtype=np.float32) if is_table else None


def _dequantized(stored: Mapping[str, NDArray[Any]], quantized: str) -> NDArray[np.float32]:
    """`(number - zero) * scale`; a scale for each column of a matrix, or one for all of it."""
    name = quantized.removesuffix(_QUANTIZED)
    whole, zero = (stored[f"{name}_{part}"].astype(np.float32) for part in ("quantized", "zero_point"))
    return np.asarray((whole - zero) * stored[f"{name}_scale"], dtype=np.float32)


def _with_probed_heads(
    bundle: Bundle, tensors: _Tensors, linear: NDArray[np.float32] | None, epsilon: float
) -> StudentModel:
    """The student with the number of attention heads that gives the bundle's probes."""
    probes = read_probes(bundle)
    tokenizer = Tokenizer.from_str(bundle.read(bundle.manifest.encoder.tokenizer).decode())
    tokenizer.enable_truncation(bundle.manifest.encoder.max_tokens)
    tokenizer.no_padding()
    tokens = pad([tokenizer.encode(probe.text).ids for probe in probes], torch.device("cpu"))
    expected = np.array([probe.embedding for probe in probes], dtype=np.float32)
    best, reached = None, -1.0
    for heads in _head_counts(tensors):
        student = _student(bundle, tensors, linear, epsilon, heads)
        with torch.inference_mode():
            found = float((student(*tokens).numpy() * expected).sum(axis=1).mean())
        if found > reached:
            best, reached = student, found
    if best is None or reached < _LEAST_SIMILARITY:
        raise _foreign(bundle, f"its weights give its probes a similarity of {reached:.3f}")
    return best


def _head_counts(tensors: _Tensors) -> list[int]:
    words = tensors.get("embeddings.word_embeddings.weight")
    width = words.shape[1] if words is not None else 0
    return [heads for heads in range(1, width // 8 + 1) if width % heads == 0]


def _student(
    bundle: Bundle, tensors: _Tensors, linear: NDArray[np.float32] | None, epsilon: float, heads: int
) -> StudentModel:
    try:
        words, positions = (tensors[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position"))
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=words.shape[1],
            num_hidden_layers=1 + max(int(found[1]) for found in map(_LAYER.match, tensors) if found),
            num_attention_heads=heads,
            intermediate_size=len(tensors["encoder.layer.0.intermediate.dense.weight"]),
            max_position_embeddings=len(positions),
            type_vocab_size=len(tensors["embeddings.token_type_embeddings.weight"]),
            layer_norm_eps=epsilon,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=0,
        )
        student = StudentModel(config, len(linear) if linear is not None else None)
        student.bert.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as error:
        raise _foreign(bundle, "its tensors are not those of a BERT") from error
    if student.map is not None and linear is not None:
        student.map.load_state_dict({"weight": torch.from_numpy(linear.copy())})
    student.eval()
    return student


def _foreign(bundle: Bundle, reason: str) -> BundleUnusable:
    return BundleUnusable(
        f"the weights of bundle {bundle.path} cannot be read back: {reason}; name the float student with --start"
    )
