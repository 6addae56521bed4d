"""From a finished student to a bundle: ONNX graphs, int8, comparison with float32, model card."""
