"""Labelling: the teacher runs once over a corpus, and its embeddings and logits are written as targets.

The format of targets belongs to `student.distill.targets`, which reads them.
"""
