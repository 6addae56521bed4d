"""Export of an encoder as plain float32 ONNX, for tools that know no bundles."""

import shutil
import tempfile
from pathlib import Path

from student.distill.export.onnx_graph import export_plain_graph
from student.distill.pretrained import Pretrained
from student.errors import OrillaError


class OutputExists(OrillaError):
    """There is something in the folder where an export should go."""


def export_onnx(pretrained: Pretrained, folder: Path) -> Path:
    """Writes a sentence-transformers folder with its encoder as plain float32 ONNX in `onnx/model.onnx`.

    sentence-transformers (`backend="onnx"`), optimum and any ONNX runtime load it.

    Raises:
        OutputExists: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputExists(f"{folder} is not empty; name another folder")
    with tempfile.TemporaryDirectory() as made:
        graph = export_plain_graph(pretrained, Path(made))
        shutil.copytree(pretrained.path, folder, dirs_exist_ok=True)
        (folder / "onnx").mkdir(exist_ok=True)
        shutil.copyfile(graph, folder / "onnx" / "model.onnx")
    return folder
