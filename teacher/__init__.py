"""The GPU side: fine-tunes the teacher, labels distillation targets, absorbs federated releases.

The topmost package: it may import all the others and none imports it.
"""
