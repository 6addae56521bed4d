"""The bundle format: manifest, folder, and the parts that numpy can apply (linear heads, query adapter).

Whatever is needed to read, trust or write a bundle, but not to run its graphs: no onnxruntime, no torch.
"""
