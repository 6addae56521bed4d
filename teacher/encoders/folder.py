"""A sentence-transformers folder as a teacher: any text model and pooling that its own modules can run."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from student.artifacts.digests import digest_file
from student.distill.training.precision import autocast, choose_device
from teacher.encoders.encoder import LONGEST_WINDOW, EncodeRaw, LoadedEncoder, prompt_for
from teacher.encoders.folder_checks import CheckedFolder, check_folder
from teacher.encoders.settings import EncoderSettings, Prompts
from teacher.encoders.window import long_text, longest_that_encodes
from teacher.errors import EncoderRefused
from teacher.roles import Role

_NAMES_OF_ROLES = {"query": ("query",), "passage": ("passage", "document")}
_FILES_OF_EMBEDDINGS = ("*.safetensors", "*.json", "vocab.txt", "merges.txt", "*.model")
_OTHER_FILES = {  # of an Orilla teacher or student, and of training: they change no embedding
    "distillation.json",
    "teacher_training.json",
    "intent_head.json",
    "intent_head.safetensors",
    "query_adapter.safetensors",
    "config_sentence_transformers.json",  # its prompts and truncation count as they are applied
    "data_config.json",
    "generation_config.json",
    "trainer_state.json",
}


_FAILURES = (IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""Of an encoding, for anything from a position beyond the table to a tokenizer that does not fit the model."""


def open_folder(settings: EncoderSettings) -> LoadedEncoder:
    """Loads a folder and measures its window.

    Raises:
        EncoderRefused: see `teacher.encoders.folder_checks`; or it cannot be loaded, lacks weights or encodes nothing.
    """
    folder = Path(settings.model)
    checked = check_folder(folder)
    model = _load(folder)
    _require_all_weights(model, checked)
    window = _measure_window(folder, model, checked, settings)
    prompts, notes = _prompts(checked, settings)
    model.to(choose_device())
    return LoadedEncoder(
        encode=_encoding(model, checked, prompts, settings),
        max_tokens=window,
        identity={"files": _digests(folder, checked), "truncate_dim": model.truncate_dim},
        is_remote=False,
        prompts=prompts,
        notes=notes,
    )


def _load(folder: Path) -> Any:
    """The model on the CPU in float32, without any prompt of its own.

    A position beyond a table's end is an error there, and kills the process's context on a GPU: the window is
    measured before the model moves.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names of arguments in configs of earlier versions
            model = SentenceTransformer(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32},
            )
    except Exception as error:  # libraries raise anything for a folder that does not fit together
        if "trust_remote_code" in str(error):
            raise EncoderRefused(
                f"{folder} needs remote code, which is never run; serve it and name the URL"
            ) from error
        raise EncoderRefused(
            f"{folder} cannot be loaded ({type(error).__name__}): a file is damaged, missing or of a version that the "
            "installed sentence-transformers and transformers do not know; get it again or save it with these"
        ) from error
    if "text" not in getattr(model, "modalities", ["text"]):
        raise EncoderRefused(
            f"{folder} reads no texts ({', '.join(map(str, model.modalities))}); name an encoder of texts"
        )
    model.prompts, model.default_prompt_name = {}, None
    return model.eval()


def _require_all_weights(model: Any, checked: CheckedFolder) -> None:
    """Refuses weights that are not whole: transformers makes the missing ones up at random."""
    loaded = [module.auto_model for module in model.modules() if hasattr(module, "auto_model")]
    paths = [module.path for module in checked.modules if module.name == "Transformer"]
    for inner, path in zip(loaded, paths, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in _load
            _, info = type(inner).from_pretrained(
                path, config=inner.config, local_files_only=True, trust_remote_code=False, output_loading_info=True
            )
        missing = sorted(name for name in info["missing_keys"] if "pooler" not in name)
        if missing:
            raise EncoderRefused(
                f"{path}: damaged weights, {len(missing)} tensors are missing ({missing[0]} and so on) and would be "
                "made up at random; get the folder again, whole"
            )


def _measure_window(folder: Path, model: Any, checked: CheckedFolder, settings: EncoderSettings) -> int | None:
    """The longest window that the model encodes, which is then its window; None of models without one."""
    declared = model.max_seq_length
    if declared is None or not np.isfinite(declared):
        if settings.max_tokens:
            raise EncoderRefused(f"{folder} has no window that could be set; leave max_tokens out")
        return None
    at_most = min(int(declared), settings.max_tokens or LONGEST_WINDOW)
    text, tokens = long_text(at_most), 0

    def encodes(window: int) -> bool:
        nonlocal tokens
        model.max_seq_length = window
        try:
            lengths = []
            for task in _tasks(checked):
                features = model.preprocess([text], **task)
                with torch.inference_mode():
                    model(dict(features), **task)
                lengths.append(int(features["attention_mask"].sum()))
        except _FAILURES:
            return False
        tokens = max(lengths)
        return True

    window = longest_that_encodes(encodes, at_most)
    if window == 0 or not encodes(window):
        raise EncoderRefused(
            f"{folder} cannot encode a text: its modules, or model and tokenizer, do not fit together; get "
            f"the folder again"
        )
    if settings.max_tokens and window < settings.max_tokens:
        raise EncoderRefused(
            f"{folder}: window of {window} tokens, max_tokens asks for {settings.max_tokens}; lower it or leave it out"
        )
    return tokens


def _prompts(checked: CheckedFolder, settings: EncoderSettings) -> tuple[Prompts, tuple[str, ...]]:
    """The prompts by role, and notes where the folder has some of its own."""
    if settings.prompts is not None:
        return settings.prompts, ()
    found = {
        role: name for role, names in _NAMES_OF_ROLES.items() for name in names if checked.prompts.get(name)
    }  # `document` before `passage`, where there are both
    notes = [f"prompt of role {role} taken from the folder's prompt {name}" for role, name in found.items()]
    if checked.default_prompt and checked.default_prompt not in found.values():
        notes.append(f"the folder's default prompt {checked.default_prompt} is not applied; state prompts to use it")
    return Prompts(**{role: checked.prompts[name] for role, name in found.items()}), tuple(notes)


def _encoding(model: Any, checked: CheckedFolder, prompts: Prompts, settings: EncoderSettings) -> EncodeRaw:
    device = choose_device()

    def encode(texts: list[str], role: Role) -> NDArray[np.float32]:
        task = _tasks(checked)[0 if role is Role.QUERY else -1]
        try:
            with torch.inference_mode(), autocast(device, settings.precision):
                embeddings = model.encode(
                    texts,
                    prompt=prompt_for(prompts, role),
                    batch_size=settings.batch_size,
                    convert_to_tensor=True,
                    show_progress_bar=False,
                    **task,
                )
        except _FAILURES as error:
            raise EncoderRefused(
                f"{settings.name}: encoding {len(texts)} texts failed ({type(error).__name__}); lower batch_size or "
                "max_tokens, and see whether its modules fit together"
            ) from error
        return np.asarray(embeddings.float().cpu().numpy(), dtype=np.float32)

    return encode


def _tasks(checked: CheckedFolder) -> list[dict[str, str]]:
    """The arguments that lead to each route."""
    return [{"task": route} for route in checked.routes] if checked.routes else [{}]


def _digests(folder: Path, checked: CheckedFolder) -> dict[str, str]:
    """Digests of all files that fix the embeddings, by their path in the folder."""
    places = {folder.resolve(), *(module.path for module in checked.modules)}
    files = {file for place in places for pattern in _FILES_OF_EMBEDDINGS for file in place.glob(pattern)}
    return {
        file.relative_to(folder.resolve()).as_posix(): digest_file(file)
        for file in sorted(files)
        if file.name not in _OTHER_FILES
    }
