"""The branch server: documents, index, search and grounded answers over HTTP. Imports only `student`."""
