"""Tracking of runs: parameters, figures by step and the digests of what was made, in stores that people look at.

A CSV file beside the run, event files for TensorBoard, or MLflow; the last two are extras. No torch (docs/adr/0058).
"""
