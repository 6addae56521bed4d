"""HTML as people see it: what is shown of a page, which part of it is the document, and its blocks in order."""
