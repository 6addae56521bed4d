"""Weights of teachers that come in packages: which ones, how they are verified, and what makes a model of them."""
