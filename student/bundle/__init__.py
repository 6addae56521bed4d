"""The bundle format: manifest, folder, and the numpy-sized parts in it (linear heads, query adapter).

Loads no onnxruntime.
"""
