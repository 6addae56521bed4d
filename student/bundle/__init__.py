"""The bundle format: manifest, folder, and the parts that numpy can apply (linear heads, query adapter).

Whatever is needed to read, trust or write a bundle, but not to run its graphs: no onnxruntime, no torch.
"""

from pathlib import Path

DEFAULT_BUNDLE = Path(__file__).parents[1] / "default_bundle"
"""The folder of the bundle that is installed with the package."""
