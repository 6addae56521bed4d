"""From the bytes of a document, untrusted, to its text, title and blocks; parsers run in a child process."""
