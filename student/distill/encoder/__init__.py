"""Distillation of the encoder: recipe, vocabulary, the student as a torch model, losses, training.

Its result is an ordinary sentence-transformers folder; `student.distill.export` makes a bundle of it.
"""
