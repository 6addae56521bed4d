"""Sessions for a bundle's graphs: one thread a run and no spinning (docs/adr/0004)."""

from pathlib import Path
from typing import Any

import onnxruntime

from student.errors import BundleUnusable


def open_session(graph: bytes | Path, part: str) -> Any:
    """An `InferenceSession` on the caller's thread.

    Args:
        graph: ONNX; of bytes, onnxruntime keeps a copy.
        part: of the bundle, for the error.

    Raises:
        BundleUnusable: onnxruntime cannot load the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise BundleUnusable(f"onnxruntime cannot load the bundle's {part}; get the bundle again") from error
