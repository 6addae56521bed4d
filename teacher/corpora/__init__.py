"""Texts to train on, made from public files: the corpus to label, pairs of query and passage, verifier examples.

Reads the public data sets and writes JSON lines; no model is trained here.
"""
