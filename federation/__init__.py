"""Federated fine-tuning of the student under differential privacy, with Flower and Opacus.

Stands between `edge_agent`, whose store it reads, and `teacher`, which absorbs its releases.
"""
