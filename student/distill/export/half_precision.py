"""A float student at half precision, to be handed on: an ordinary sentence-transformers folder of half the megabytes.

Its tensors are float16, its config says float32: whoever loads it (sentence-transformers, transformers, this project)
computes in float32 and can train on from it.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from student.artifacts.durable import making_folder
from student.distill.export.plain_onnx import OutputExists
from student.distill.folder_layout import read_layout
from student.distill.pretrained import Pretrained
from student.errors import OrillaError

_PRECISION = ("dtype", "torch_dtype")
"""Names that versions of transformers give it in `config.json`."""
_LARGEST = float(np.finfo(np.float16).max)


class TooLargeForHalf(OrillaError):
    """A weight is outside the range of float16."""


def write_half(pretrained: Pretrained, folder: Path) -> Path:
    """Writes a folder's copy in float16.

    Args:
        pretrained: any sentence-transformers folder.
        folder: must not exist.

    Raises:
        TooLargeForHalf: a weight is not finite in float16; nothing is written.
        OutputExists: there is something in `folder`.
    """
    if folder.exists():
        raise OutputExists(f"{folder} exists; name another folder")
    layout = read_layout(pretrained.path)
    with making_folder(folder) as new:
        shutil.copytree(pretrained.path, new, dirs_exist_ok=True)
        for weights in (layout.weights, *layout.others):
            halved = {}
            for name, tensor in load_file(weights).items():
                is_float = np.issubdtype(tensor.dtype, np.floating)
                if is_float and not np.abs(tensor).max(initial=0) <= _LARGEST:
                    raise TooLargeForHalf(f"{name} in {weights} is not finite in float16; hand on the float32 folder")
                halved[name] = tensor.astype(np.float16) if is_float else tensor
            save_file(halved, new / weights.relative_to(pretrained.path), metadata={"format": "pt"})
        config = layout.weights.parent.relative_to(pretrained.path) / "config.json"
        facts = json.loads((new / config).read_text(encoding="utf-8"))
        facts |= {name: "float32" for name in _PRECISION if name in facts} or {_PRECISION[1]: "float32"}
        (new / config).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return folder
