"""Ingest: files are parsed, chunked into passages and encoded; folders are synchronized, jobs survive a kill."""
