"""Absorption: the teacher learns what branches taught the student, after checks and within gates."""
