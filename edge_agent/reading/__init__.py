"""From the bytes of a document, untrusted, to its text, title and blocks. Decides only; reads and writes nothing."""
