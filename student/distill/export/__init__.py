"""Export of a finished student to a bundle: ONNX graphs, int8, comparison with float32, manifest, model card.

All that is written into a bundle is made here, but for its verifier (`student.distill.verifier`).
"""
