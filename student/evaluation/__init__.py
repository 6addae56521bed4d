"""Compares students with their teacher on texts that neither was trained on."""
