"""What a round costs and what pays for it: accounting, noise, exact sampling, the branch's ledger.

Knows no learning and no Flower.
"""
