"""Planted personal data for the benchmark of masking: values, writings and sentences, from a seed.

Check digits are computed here a second time, by the authorities' rules; nothing of `student.masking` is used.
"""
