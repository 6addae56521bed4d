"""Comparison of students with their teacher on texts that neither was trained on: tasks, figures, report.

A new kind of task gets its entry in `tasks.py` and its figures in `figures.py`.
"""
