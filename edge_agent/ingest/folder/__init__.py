"""Folders of documents that the store follows: once (`sync.py`) or as files change (`watch.py`), deleting with care."""
