"""Distilling the encoder: recipe, vocabulary, model, losses, training. Torch."""
