"""Parsers, one module a format or family: `parse(content, document_format, limits)` gives its text and blocks."""
