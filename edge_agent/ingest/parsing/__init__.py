"""Parsers: the bytes of a document, untrusted, become its text, title and blocks, in a child process."""
