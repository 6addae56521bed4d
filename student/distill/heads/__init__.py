"""Heads and adapters on a frozen encoder's embeddings, trained from labels or distilled from another head.

Fitted in numpy and scipy: a new kind of head or adapter gets a module here.
"""
