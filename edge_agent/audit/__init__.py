"""The audit log: who did what with which document, key, intent head and bundle; no content, no names of files."""
