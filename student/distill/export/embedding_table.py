"""Tables of embeddings in int8 with a scale a row, in a graph of its own nodes.

onnxruntime's quantization gives a table one scale. One piece of large numbers then makes all others coarse, and the
pieces of a cut vocabulary differ in size twenty times (docs/adr/0060).
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

ROWS, ROW_SCALES = "_rows", "_row_scales"
"""Endings of the names of a table's two constants."""
_MIN_NUMBERS = 100_000
"""Smaller tables stay as they are: nothing is gained by them."""


def quantize_tables(model: onnx.ModelProto) -> list[str]:
    """Replaces every large table that rows are looked up in (`Gather` of a constant) by int8 rows with a scale each.

    Returns:
        The names of the new nodes, which are not to be quantized again.
    """
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    uses = [node for node in graph.node if node.op_type == "Gather" and _is_table(node, constants)]
    names = []
    for node in uses:
        name, rows = node.input[0], node.output[0]
        if name in constants:  # several may look up in one
            _replace(graph, constants.pop(name))
        new = [
            helper.make_node("Gather", [f"{name}{ROWS}", node.input[1]], [f"{rows}_int8"], name=f"{node.name}_rows"),
            helper.make_node(
                "Cast", [f"{rows}_int8"], [f"{rows}_cast"], name=f"{node.name}_cast", to=onnx.TensorProto.FLOAT
            ),
            helper.make_node(
                "Gather", [f"{name}{ROW_SCALES}", node.input[1]], [f"{rows}_scale"], name=f"{node.name}_scales"
            ),
            helper.make_node("Mul", [f"{rows}_cast", f"{rows}_scale"], [rows], name=f"{node.name}_scaled"),
        ]
        place = list(graph.node).index(node)
        graph.node.remove(node)
        for offset, made in enumerate(new):
            graph.node.insert(place + offset, made)
        names += [made.name for made in new]
    return names


def _is_table(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """True if a node looks up rows of a large constant of two dimensions."""
    table = constants.get(node.input[0])
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    is_float = table is not None and table.data_type == onnx.TensorProto.FLOAT
    return table is not None and is_float and len(table.dims) == 2 and axis == 0 and np.prod(table.dims) >= _MIN_NUMBERS


def _replace(graph: onnx.GraphProto, table: onnx.TensorProto) -> None:
    numbers = numpy_helper.to_array(table)  # (V, H)
    scale = np.abs(numbers).max(axis=1, keepdims=True) / 127  # (V, 1)
    scale[scale == 0] = 1
    rows = np.clip(np.round(numbers / scale), -127, 127).astype(np.int8)
    graph.initializer.remove(table)
    graph.initializer.append(numpy_helper.from_array(rows, f"{table.name}{ROWS}"))
    graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{table.name}{ROW_SCALES}"))
