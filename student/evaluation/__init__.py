"""Comparison of students with their teacher on texts that neither was trained on: tasks, figures, report.

A new kind of task gets its entry in `recipe.py`, its reader in `retrieval_tasks.py` or `task_files.py`, and its figures
in `figures.py`.
"""
