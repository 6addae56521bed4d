"""Integers in at each branch, their exact sum out at the center, nothing in between.

Deciding code: sends nothing, knows no Flower.
"""
