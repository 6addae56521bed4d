"""What is trained and how: the trained parts, features, examples, round parameters, plans, aggregation, evaluation.

Numpy only, no I/O beyond checkpoints.
"""
