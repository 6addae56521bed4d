"""The branch server: documents, index, search and grounded answers over HTTP. Imports only `student`."""

from importlib.metadata import version

VERSION = version("orilla")
