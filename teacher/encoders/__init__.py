"""Encoders that can be a teacher: a sentence-transformers folder, an ONNX graph, or a server of embeddings.

Each is opened, probed and measured before anything is labelled; what cannot be used is refused with what to do.
Nothing here knows corpora or targets.
"""
