"""Training of the answerability verifier on a bundle's frozen token embeddings, and adding it to a bundle.

Examples, batches, model, training, ONNX. How it is run at a branch is in `student.runtime.verifier`.
"""
