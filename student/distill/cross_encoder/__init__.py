"""Training of the cross-encoder from lists of texts, and adding it to a bundle.

Examples, batches, model, training, ONNX. How it is run at a branch is in `student.runtime.cross_encoder`.
"""
