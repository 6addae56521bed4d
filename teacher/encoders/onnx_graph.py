"""An ONNX graph as a teacher: with a tokenizer beside it, or one that takes raw strings."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from student.artifacts.digests import digest_file
from teacher.encoders.encoder import LONGEST_WINDOW, LoadedEncoder, prompt_for
from teacher.encoders.settings import EncoderSettings, Prompts
from teacher.encoders.window import cut_by_estimate, long_text, longest_that_encodes
from teacher.errors import EncoderRefused
from teacher.roles import Role

_TOKEN_INPUTS = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
_NO_EMBEDDING = ("pooler", "logits")
_PADDING = ("[PAD]", "<pad>", "<|endoftext|>", "<|pad|>")

Run = Callable[[list[str]], NDArray[np.float32]]
"""Texts of one batch, prompts included → embeddings (B, D)."""


@dataclass(frozen=True, slots=True)
class _Graph:
    """A session, its inputs by name and the output that is used."""

    path: Path
    session: Any
    inputs: dict[str, Any]
    output: str
    pooling: str


def open_onnx_graph(settings: EncoderSettings) -> LoadedEncoder:
    """Loads a graph, finds its tokenizer and measures its window.

    Raises:
        EncoderRefused: a file is missing or damaged, or inputs and outputs are not those of a text encoder.
    """
    path = Path(settings.model)
    graph = _open_graph(path, settings)
    files = [path, *_external_data(path)]
    if _takes_strings(graph):
        run, window = _string_runner(graph, settings.max_tokens), settings.max_tokens
    else:
        tokenizer_path = settings.tokenizer or path.parent / "tokenizer.json"
        files.append(tokenizer_path)
        run, window = _token_runner(graph, _open_tokenizer(tokenizer_path), settings)
    prompts = settings.prompts or Prompts()

    def encode(texts: list[str], role: Role) -> NDArray[np.float32]:
        prompted = [prompt_for(prompts, role) + text for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(prompted[row]))  # like lengths, little padding
        batches = [order[first : first + settings.batch_size] for first in range(0, len(order), settings.batch_size)]
        try:
            found = np.concatenate([run([prompted[row] for row in batch]) for batch in batches])
        except EncoderRefused:
            raise
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise EncoderRefused(
                f"{path} cannot encode ({type(error).__name__}); check pooling, tokenizer and custom_operators, or "
                "lower max_tokens or batch_size"
            ) from error
        embeddings = np.empty_like(found)
        embeddings[order] = found
        return embeddings

    identity = {
        "files": [digest_file(file) for file in files],
        "output": graph.output,
        "pooling": graph.pooling,
    }
    return LoadedEncoder(encode, window, identity, is_remote=False, prompts=prompts)


def _open_graph(path: Path, settings: EncoderSettings) -> _Graph:
    if not path.is_file():
        raise EncoderRefused(f"{path}: missing weights, there is no such file; name an .onnx file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if settings.custom_operators:
        _register_extensions(options)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=_providers())
    except Exception as error:  # onnxruntime's exceptions share no public base class
        if not settings.custom_operators and "ai.onnx.contrib" in str(error):
            raise EncoderRefused(
                f"{path} needs operators of onnxruntime-extensions; set custom_operators = true"
            ) from error
        raise EncoderRefused(
            f"{path}: damaged weights, or a graph that the installed onnxruntime cannot load; get it again, with its "
            "files of external data beside it"
        ) from error
    inputs = {each.name: each for each in session.get_inputs()}
    foreign = sorted(set(inputs) - _TOKEN_INPUTS)
    if foreign and not (len(inputs) == 1 and inputs[foreign[0]].type == "tensor(string)"):
        raise EncoderRefused(
            f"{path} has the inputs {', '.join(sorted(inputs))}, expected {', '.join(sorted(_TOKEN_INPUTS))} or one of "
            "strings; a graph of images or of one that generates text cannot be a teacher"
        )
    return _Graph(path, session, inputs, _choose_output(path, session, settings.pooling), settings.pooling)


def _register_extensions(options: Any) -> None:
    """Adds the operators of onnxruntime-extensions to those that graphs may use."""
    try:
        library = import_module("onnxruntime_extensions").get_library_path()
    except ImportError as error:
        raise EncoderRefused(
            "custom_operators needs onnxruntime-extensions, which is not installed; run: "
            "pip install onnxruntime-extensions"
        ) from error
    try:
        options.register_custom_ops_library(library)
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise EncoderRefused(
            "onnxruntime-extensions cannot be loaded by onnxruntime; install versions of the two that fit"
        ) from error


def _providers() -> list[str]:
    """The GPU where this onnxruntime has one, and the CPU."""
    return [name for name in onnxruntime.get_available_providers() if name[:4] in ("CUDA", "CPUE")]


def _choose_output(path: Path, session: Any, pooling: str) -> str:
    """The output with one embedding a text, or with those of tokens where they are pooled here."""
    rank, preferred = (2, "sentence_embedding") if pooling == "none" else (3, "token_embeddings")
    outputs = {each.name: len(each.shape) for each in session.get_outputs()}
    fitting = [
        name
        for name, length in outputs.items()
        if length in (rank, 0) and not any(word in name for word in _NO_EMBEDDING)
    ]
    if fitting:
        return preferred if preferred in fitting else fitting[0]
    has_tokens = pooling == "none" and 3 in outputs.values()
    raise EncoderRefused(
        f"{path} has the outputs {', '.join(outputs)}, none of which is "
        + ("an embedding of a text" if pooling == "none" else "of token embeddings")
        + ("; say pooling = mean, cls or last, as the model was trained" if has_tokens else "; name another graph")
    )


def _external_data(path: Path) -> list[Path]:
    """Files of weights that the graph names. onnxruntime has loaded them, so they are there."""
    import onnx  # noqa: PLC0415  (only here)

    graph = onnx.load(str(path), load_external_data=False).graph
    names = {entry.value for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location"}
    return [path.parent / name for name in sorted(names)]


def _takes_strings(graph: _Graph) -> bool:
    return any(each.type == "tensor(string)" for each in graph.inputs.values())


def _string_runner(graph: _Graph, max_tokens: int | None) -> Run:
    (name,) = graph.inputs
    if graph.pooling != "none":
        raise EncoderRefused(f"{graph.path} takes strings, so its tokens cannot be pooled here; set pooling = none")

    def run(texts: list[str]) -> NDArray[np.float32]:
        cut = [cut_by_estimate(text, max_tokens) for text in texts] if max_tokens else texts
        return np.asarray(graph.session.run([graph.output], {name: np.array(cut, dtype=object)})[0], dtype=np.float32)

    return run


def _open_tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise EncoderRefused(
            f"missing tokenizer, no {path}; put the model's tokenizer.json there or name it: tokenizer"
        )
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare exceptions
        raise EncoderRefused(f"{path} is no tokenizer of the tokenizers library; get it again") from error


def _token_runner(graph: _Graph, tokenizer: Tokenizer, settings: EncoderSettings) -> tuple[Run, int]:
    """The runner of a graph that takes token ids, and its window in tokens."""
    input_ids = graph.inputs.get("input_ids")
    if input_ids is None or len(input_ids.shape) != 2:
        raise EncoderRefused(f"{graph.path} has no input_ids (batch, tokens); name a graph of a text encoder")
    fixed = input_ids.shape[1] if isinstance(input_ids.shape[1], int) else None
    declared = (tokenizer.truncation or {}).get("max_length")
    at_most = min(each for each in (settings.max_tokens or LONGEST_WINDOW, fixed, declared) if each)
    _pad(tokenizer, fixed)

    def run(texts: list[str]) -> NDArray[np.float32]:
        encodings = tokenizer.encode_batch(texts)
        values = {
            "input_ids": np.array([each.ids for each in encodings], dtype=np.int64),
            "attention_mask": np.array([each.attention_mask for each in encodings], dtype=np.int64),
            "token_type_ids": np.array([each.type_ids for each in encodings], dtype=np.int64),
        }
        mask = values["attention_mask"]  # (B, T)
        values["position_ids"] = np.broadcast_to(np.arange(mask.shape[1], dtype=np.int64), mask.shape)
        feed = {
            name: values[name].astype(np.int32 if each.type == "tensor(int32)" else np.int64)
            for name, each in graph.inputs.items()
        }
        return _pool(np.asarray(graph.session.run([graph.output], feed)[0], dtype=np.float32), mask, graph.pooling)

    text, tokens = long_text(at_most), 0

    def encodes(window: int) -> bool:
        nonlocal tokens
        try:
            tokenizer.enable_truncation(window)
            run([text])
        except Exception:  # onnxruntime's exceptions share no public base class
            return False
        tokens = sum(tokenizer.encode(text).attention_mask)
        return True

    window = longest_that_encodes(encodes, at_most)
    if window == 0 or not encodes(window):
        raise EncoderRefused(f"{graph.path} cannot encode a text by its tokenizer; check that the two belong together")
    if settings.max_tokens and window < settings.max_tokens:
        raise EncoderRefused(
            f"{graph.path}: window of {window} tokens, max_tokens asks for {settings.max_tokens}; lower it or leave "
            "it out"
        )
    return run, tokens


def _pad(tokenizer: Tokenizer, length: int | None) -> None:
    """Pads on the right, to the longest of a batch or to the graph's fixed length, by the tokenizer's own token."""
    own = tokenizer.padding or {}
    token = own.get("pad_token") or next((each for each in _PADDING if tokenizer.token_to_id(each) is not None), None)
    number = tokenizer.token_to_id(token) if token else None
    tokenizer.enable_padding(direction="right", pad_id=number or 0, pad_token=token or "[PAD]", length=length)


def _pool(output: NDArray[np.float32], mask: NDArray[np.int64], pooling: str) -> NDArray[np.float32]:
    """Embeddings (B, D) of an output (B, D), or of tokens (B, T, D) by the pooling."""
    if pooling == "none":
        return output
    if pooling == "cls":
        return output[:, 0]
    if pooling == "last":
        return np.asarray(output[np.arange(len(output)), mask.sum(axis=1) - 1], dtype=np.float32)
    weights = mask[:, :, None].astype(np.float32)  # (B, T, 1)
    return np.asarray((output * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9), dtype=np.float32)
