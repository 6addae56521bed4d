"""A bundle at work on a branch's CPU: onnxruntime sessions, the encoder, the verifier, and the probes that check them.

No torch.
"""
