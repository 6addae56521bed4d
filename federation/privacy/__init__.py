"""The privacy of a round: accounting, noise, exact sampling, the branch's ledger.

Knows no learning and no Flower.
"""
