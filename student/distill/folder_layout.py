"""The layout of a sentence-transformers folder: modules, pooling, dimension and window, as its files really have them.

Sizes are read off the tensors, where one of a known name is there, and only else from configs: a config can say what is
no longer true. Both forms of configs are read, the flags of versions before 5 and the names of later ones.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_WORDS = ("word_embeddings.weight", "embed_tokens.weight", "tok_embeddings.weight")
_POSITIONS = ("position_embeddings.weight",)
_POSITIONS_AFTER_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl")
_NO_LIMIT = 1_000_000
"""Tokens: transformers writes 1e30 where a tokenizer knows no limit."""


class LayoutBroken(ValueError):
    """A folder's files are missing, cannot be read or contradict each other; names the file."""


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """The layout of a folder.

    Attributes:
        modules: names of their classes, in order.
        model_type: of the transformer; None where its config does not say.
        pooling: modes whose embeddings are put side by side.
        weights: the transformer's file.
        others: files of weights of the modules after it.
        dimension: embedding size D.
        max_tokens: window, special tokens included.
        truncate_dim: the folder's own truncation.
    """

    modules: tuple[str, ...]
    model_type: str | None
    pooling: tuple[str, ...]
    weights: Path
    others: tuple[Path, ...]
    dimension: int
    max_tokens: int
    truncate_dim: int | None


def read_layout(path: Path) -> FolderLayout:
    """Reads a folder's layout; a folder without `modules.json` is a transformer with pooling.

    Raises:
        LayoutBroken: a file is missing or not what it should be.
    """
    modules = _modules(path)
    place = path / modules[0][1]
    weights = place / "model.safetensors"
    if not weights.is_file():
        raise LayoutBroken(f"no model.safetensors in {place}")
    pooling = tuple(mode for name, folder in modules if name == "Pooling" for mode in _pooling(path / folder))
    config, shapes = _read_json(place / "config.json"), _shapes(weights)
    own = _read_optional(path / "config_sentence_transformers.json")
    truncate_dim = own.get("truncate_dim")
    dimension = _hidden_size(place, config, shapes) * max(1, len(pooling))
    for name, folder in modules:
        if name == "Dense":
            dimension = _dense_size(path / folder)
    return FolderLayout(
        modules=tuple(name for name, _ in modules),
        model_type=config.get("model_type"),
        pooling=pooling,
        weights=weights,
        others=tuple(
            path / folder / weights.name for _, folder in modules[1:] if (path / folder / weights.name).is_file()
        ),
        dimension=min(dimension, truncate_dim or dimension),
        max_tokens=_window(place, config, shapes),
        truncate_dim=truncate_dim,
    )


def _modules(path: Path) -> list[tuple[str, str]]:
    """Names of classes and folders."""
    file = path / "modules.json"
    if not file.is_file():
        return [("Transformer", ""), ("Pooling", "1_Pooling")]
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        modules = [(str(entry["type"]).rsplit(".", 1)[-1], str(entry["path"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutBroken(f"{file} cannot be read as a list of modules") from error
    if not modules or modules[0][0] != "Transformer":
        raise LayoutBroken(f"{file} begins with {modules[0][0] if modules else 'nothing'}, expected a Transformer")
    return modules


def _pooling(folder: Path) -> tuple[str, ...]:
    """The modes of a pooling; the mean where its config names none, as the library has it."""
    config = _read_json(folder / "config.json")
    named = config.get("pooling_mode")
    if named:
        return (named,) if isinstance(named, str) else tuple(map(str, named))
    return tuple(mode for flag, mode in _POOLING_FLAGS.items() if config.get(flag)) or ("mean",)


def _hidden_size(place: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> int:
    words = _shape(shapes, _WORDS)
    size = config.get("hidden_size") or config.get("dim") or config.get("d_model")
    if words and config.get("embedding_size", size) == size:
        return words[1]
    if not isinstance(size, int):
        raise LayoutBroken(f"{place / 'config.json'} has no hidden_size")
    return size


def _dense_size(folder: Path) -> int:
    shapes = _shapes(folder / "model.safetensors")
    if "linear.weight" not in shapes:
        raise LayoutBroken(f"{folder} holds no Dense layer")
    return shapes["linear.weight"][0]


def _window(place: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> int:
    """The least of all limits: declared ones, and the rows of the table of positions."""
    declared = (
        _read_optional(place / "sentence_bert_config.json").get("max_seq_length"),
        _read_optional(place / "tokenizer_config.json").get("model_max_length"),
    )
    padding = int(config.get("pad_token_id") or 0)
    first = padding + 1 if config.get("model_type") in _POSITIONS_AFTER_PADDING else 0
    positions = _shape(shapes, _POSITIONS)
    rows = (positions[0] if positions else None, config.get("max_position_embeddings"))
    limits = [*declared, *(each - first for each in rows if isinstance(each, int))]
    known = [int(each) for each in limits if isinstance(each, int | float) and 0 < each < _NO_LIMIT]
    if not known:
        raise LayoutBroken(f"{place} says nowhere how many tokens it reads: state max_seq_length")
    return math.floor(min(known))


def _shape(shapes: dict[str, tuple[int, ...]], endings: tuple[str, ...]) -> tuple[int, ...] | None:
    return next((shape for name, shape in shapes.items() if name.endswith(endings) and len(shape) == 2), None)


def _shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of a file's tensors, from its header."""
    try:
        with safe_open(weights, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (no dict)
    except (OSError, SafetensorError) as error:
        raise LayoutBroken(f"{weights} is no readable safetensors file") from error


def _read_optional(path: Path) -> dict[str, Any]:
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LayoutBroken(f"{path} cannot be read") from error
    if not isinstance(value, dict):
        raise LayoutBroken(f"{path} is not a JSON object")
    return value
