"""Checks of a folder by its files alone, before any of it is loaded or any of its code could run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from teacher.errors import EncoderRefused

TEXT_MODULES = {"Transformer", "StaticEmbedding", "Router", "Asym"}
_OTHER_MODULES = {"Pooling", "Dense", "Normalize", "LayerNorm", "Dropout", "WeightedLayerPooling"}
_SPARSE_MODULES = {
    "SpladePooling",
    "MLMTransformer",
    "SparseAutoEncoder",
    "CSRSparsity",
    "SparseStaticEmbedding",
    "IDF",
}
_IMAGE_MODELS = {
    "clip",
    "siglip",
    "siglip2",
    "blip",
    "blip-2",
    "chinese_clip",
    "align",
    "vit",
    "flava",
    "clip_vision_model",
}
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
)
_WEIGHTLESS = {"Pooling", "Normalize", "Dropout", "Router", "Asym"}
_QUERY_ROUTES, _PASSAGE_ROUTES = ("query",), ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class FolderModule:
    """One module of a folder: its class's name, and where its files are."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """A folder that may be loaded.

    Attributes:
        modules: all of them, those of routes included.
        routes: names of the routes of queries and passages, where the folder has such.
        prompts: of its own, by name.
        default_prompt: name of the prompt that sentence-transformers would put before every text.
    """

    modules: tuple[FolderModule, ...]
    routes: tuple[str, str] | None
    prompts: dict[str, str]
    default_prompt: str | None


def check_folder(folder: Path) -> CheckedFolder:
    """Checks a folder.

    Raises:
        EncoderRefused: it holds no text encoder, or one that may not or cannot be loaded.
    """
    if not folder.is_dir():
        raise EncoderRefused(
            f"{folder} is no folder; name a sentence-transformers folder, an .onnx file or a server's URL"
        )
    own = _read_optional(folder / "config_sentence_transformers.json")
    _require_embeddings(folder, str(own.get("model_type", "SentenceTransformer")))
    modules, routes = _read_modules(folder)
    for module in modules:
        _check_module(module)
    if not any((module.path / name).is_file() for module in modules for name in _TOKENIZERS):
        raise EncoderRefused(
            f"{folder}: missing tokenizer, none of {', '.join(_TOKENIZERS)}; save the model together with its tokenizer"
        )
    prompts = own.get("prompts") or {}
    return CheckedFolder(
        modules, routes, {str(k): str(v or "") for k, v in prompts.items()}, own.get("default_prompt_name")
    )


def read_json(path: Path) -> Any:
    """A JSON file of a folder. Raises `EncoderRefused`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderRefused(f"{path} cannot be read as JSON; get the folder again") from error


def _read_optional(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise EncoderRefused(f"{path} is no JSON object; get the folder again")
    return value


def _require_embeddings(folder: Path, model_type: str) -> None:
    """Refuses what gives no dense embeddings, by what the folder says of itself."""
    architectures = " ".join(map(str, _read_optional(folder / "config.json").get("architectures") or []))
    if model_type == "CrossEncoder" or "ForSequenceClassification" in architectures:
        raise EncoderRefused(
            f"{folder} is a cross-encoder or classifier: it scores pairs and has no embeddings; name a bi-encoder"
        )
    if model_type == "SparseEncoder":
        raise EncoderRefused(f"{folder} is a sparse encoder (SPLADE); a student learns dense embeddings: name another")


def _read_modules(folder: Path) -> tuple[tuple[FolderModule, ...], tuple[str, str] | None]:
    if not (folder / "modules.json").is_file():
        raise EncoderRefused(
            f"{folder} has no modules.json, so nothing says how its tokens are pooled; make a sentence-transformers "
            "folder of it: SentenceTransformer(modules=[Transformer(folder), Pooling(dimension, 'mean')]).save(other), "
            "with the pooling that the model was trained with"
        )
    entries = read_json(folder / "modules.json")
    try:
        modules = [_module(folder, str(entry["type"]), str(entry["path"])) for entry in entries]
    except (KeyError, TypeError) as error:
        raise EncoderRefused(f"{folder / 'modules.json'} lists no modules; get the folder again") from error
    if not modules or modules[0].name not in TEXT_MODULES:
        first = modules[0].name if modules else "nothing"
        raise EncoderRefused(f"{folder} begins with {first}, expected one of {', '.join(sorted(TEXT_MODULES))}")
    if modules[0].name not in ("Router", "Asym"):
        return tuple(modules), None
    config = _read_optional(modules[0].path / "router_config.json") or _read_optional(modules[0].path / "config.json")
    routes = _routes(folder, config.get("structure") or {})
    inner = [_module(modules[0].path, str(kind), name) for name, kind in (config.get("types") or {}).items()]
    return (*modules, *inner), routes


def _routes(folder: Path, structure: dict[str, Any]) -> tuple[str, str]:
    query = next((name for name in _QUERY_ROUTES if name in structure), None)
    passage = next((name for name in _PASSAGE_ROUTES if name in structure), None)
    if query is None or passage is None:
        raise EncoderRefused(
            f"{folder} is asymmetric with the routes {', '.join(map(str, structure)) or 'of nothing'}, expected query "
            f"and one of {', '.join(_PASSAGE_ROUTES)}; save it with both routes, or name the encoder of one route alone"
        )
    return query, passage


def _module(folder: Path, kind: str, path: str) -> FolderModule:
    """A module by its class, one of sentence-transformers' own: any other would be run from the folder."""
    name = kind.rsplit(".", 1)[-1]
    if not kind.startswith("sentence_transformers."):
        raise EncoderRefused(
            f"{folder} needs remote code, its own class {name}, which is never run; name a model of classes that "
            "sentence-transformers has itself, or serve this one and name the server's URL"
        )
    if name in _SPARSE_MODULES:
        raise EncoderRefused(f"{folder} is a sparse encoder ({name}); a student learns dense embeddings: name another")
    if name.startswith("CLIP"):
        raise EncoderRefused(f"{folder} is an image model ({name}); name an encoder of texts")
    if name not in TEXT_MODULES | _OTHER_MODULES:
        raise EncoderRefused(
            f"{folder} has a module {name}, which is not supported; name a model without it, or serve it"
        )
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise EncoderRefused(f"{folder}: a module's path leads out of the folder; get the folder again")
    return FolderModule(name, target)


def _check_module(module: FolderModule) -> None:
    config = _read_optional(module.path / "config.json")
    if module.name == "Transformer":
        _check_transformer(module.path, config)
    activation = str(config.get("activation_function", "torch.nn."))
    if module.name == "Dense" and not activation.startswith("torch.nn."):
        raise EncoderRefused(f"{module.path} needs remote code, the activation of its Dense layer, which is never run")
    if module.name not in _WEIGHTLESS and config.get("weights", True):
        _require_weights(module.path)


def _check_transformer(path: Path, config: dict[str, Any]) -> None:
    if config.get("auto_map"):
        raise EncoderRefused(
            f"{path} needs remote code (auto_map in config.json), which is never run; name a model that transformers "
            "knows itself, or serve this one and name the server's URL"
        )
    if config.get("model_type") in _IMAGE_MODELS or "vision_config" in config:
        raise EncoderRefused(f"{path} is an image model ({config.get('model_type')}); name an encoder of texts")
    if (path / "adapter_config.json").is_file():
        raise EncoderRefused(
            f"{path} holds an adapter of another model; merge it (merge_and_unload) and save the whole"
        )


def _require_weights(path: Path) -> None:
    index = path / "model.safetensors.index.json"
    if index.is_file():
        files = sorted({path / str(name) for name in (_read_optional(index).get("weight_map") or {}).values()})
    else:
        files = [path / "model.safetensors"]
    missing = [file for file in files if not file.is_file()]
    if missing and any(path.glob("*.bin")):
        raise EncoderRefused(
            f"{path} has pickled weights (pytorch_model.bin), which can run code when they are read and are refused; "
            "where you trust them, load and save them once as safetensors: SentenceTransformer(folder).save(other)"
        )
    if missing or not files:
        name = missing[0].name if missing else index.name
        raise EncoderRefused(f"{path}: missing weights, no {name}; get the folder again, whole")
    for file in files:
        try:
            with safe_open(file, framework="np") as opened:
                if not list(opened.keys()):
                    raise EncoderRefused(f"{file}: damaged weights, it holds no tensor; get the folder again")
        except (OSError, SafetensorError) as error:
            raise EncoderRefused(
                f"{file}: damaged weights, no readable safetensors file; get the folder again"
            ) from error
