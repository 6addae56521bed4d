"""Intent heads from a few labelled messages of a branch's own, learned with numpy alone: no torch, no scikit-learn.

A file of examples → checked rows → a head chosen by cross-validation, calibrated and fitted on all → a bundle and a
report.
"""
