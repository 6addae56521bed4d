"""A bundle at work: encoder, answerability verifier and probes on onnxruntime. No torch.

Only what a branch needs to answer lives here; how a bundle is made is in `student.distill`.
"""
