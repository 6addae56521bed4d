"""Training in the arithmetic of int8: the same as that of the graph, and gradients that pass."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from student.distill.encoder.recipe import EncoderTraining
from student.distill.encoder.rounding import RoundedLinear, round_inputs, round_weights, train_rounded
from student.distill.export.onnx_graph import quantize_graph


def int8_product(weights: np.ndarray, inputs: np.ndarray, folder: Path) -> np.ndarray:
    """What the int8 graph makes of one text's inputs (T, I) and weights (O, I)."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "one layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, inputs.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, len(weights)])],
        [numpy_helper.from_array(np.ascontiguousarray(weights.T), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), folder / "f.onnx")
    session = onnxruntime.InferenceSession(quantize_graph(folder / "f.onnx"))
    return np.asarray(session.run(None, {"x": inputs})[0])


@pytest.mark.parametrize("shift", [0.0, 3.0, -40.0])
def test_a_layer_in_training_computes_what_the_int8_graph_computes(shift: float, tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    weights = draws.normal(size=(48, 64)).astype(np.float32) * draws.gamma(1, size=(48, 1)).astype(np.float32)
    inputs = draws.normal(size=(2, 7, 64)).astype(np.float32)
    inputs[:, 3, 5] += 25  # an outlier, as transformers have them
    inputs[1] += shift
    layer = torch.nn.Linear(64, 48, bias=False)
    layer.weight.data = torch.from_numpy(weights)
    model = torch.nn.Sequential(layer)
    plain = model(torch.from_numpy(inputs)).detach().numpy()
    train_rounded(model)
    rounded = model.train()(torch.from_numpy(inputs)).detach().numpy()
    graph = np.stack([int8_product(weights, text, tmp_path) for text in inputs])
    lost = np.abs(graph - plain).mean()
    assert lost > 0.01
    assert np.abs(graph - rounded).mean() < 0.05 * lost
    np.testing.assert_array_equal(model.eval()(torch.from_numpy(inputs)).detach().numpy(), plain)


def test_the_parameters_stay_those_that_the_optimizer_holds() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ModuleDict({"inner": torch.nn.Linear(3, 2)}))
    before = dict(model.named_parameters())
    train_rounded(model)
    train_rounded(model)
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert sum(isinstance(module, RoundedLinear) for module in model.modules()) == 2


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    torch.manual_seed(1)
    inputs, layer = torch.randn(2, 5, 8, requires_grad=True), torch.nn.Linear(8, 3)
    model = torch.nn.Sequential(layer)
    train_rounded(model)
    model(inputs).square().sum().backward()
    by_inputs, by_weights = inputs.grad, layer.weight.grad
    seen, weights = round_inputs(inputs.detach()).requires_grad_(), round_weights(layer.weight.detach())
    weights.requires_grad_()
    torch.nn.functional.linear(seen, weights, layer.bias).square().sum().backward()
    torch.testing.assert_close(by_inputs, seen.grad)
    torch.testing.assert_close(by_weights, weights.grad)


def test_inputs_of_nothing_stay_nothing() -> None:
    assert round_inputs(torch.zeros(2, 3)).tolist() == [[0, 0, 0]] * 2
    assert round_weights(torch.zeros(2, 3)).tolist() == [[0, 0, 0]] * 2


def test_a_run_that_may_be_made_longer_is_rounded_in_its_last_steps_only() -> None:
    with pytest.raises(ValidationError, match="int8_steps is more than decay_steps"):
        EncoderTraining(steps=100, decay_steps=10, int8_steps=11)
    short, long = (EncoderTraining(steps=steps, decay_steps=10, int8_steps=10) for steps in (100, 200))
    assert short.identity() == long.identity()
    assert EncoderTraining(steps=100, int8_steps=10).identity() != EncoderTraining(steps=100).identity()
