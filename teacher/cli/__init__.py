"""The commands `orilla teacher …` and `orilla lineage`, a module for each subject.

A command imports torch and what else it needs when it runs.
"""
