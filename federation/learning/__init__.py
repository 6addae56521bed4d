"""Learning: the trained parts and their registry, features, examples, round parameters, plans, aggregation, evaluation.

Numpy only, no I/O beyond checkpoints.
"""
