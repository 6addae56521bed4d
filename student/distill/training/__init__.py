"""The training loop and what belongs to it: schedule, early stopping, checkpoints, device and precision.

Of no model in particular: the encoder, the verifier and the teacher are trained by it.
"""
