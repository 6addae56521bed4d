"""The child process that parses: `python -m edge_agent.ingest.parsing.child MEMORY_BYTES`; see `isolation.py`."""

import json
import os
import resource
import sys

from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.isolation import LENGTH, REPLY, Reply, receive
from edge_agent.settings import ParsingLimits


def main() -> None:
    """Answers one message after another until the pipe ends."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write anywhere
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a parser prints must not stand among the replies
    while (head := receive(requests, at_most=10_000)) is not None:
        content = receive(requests, at_most=1 << 32)
        if content is None:
            return
        asked = json.loads(head)
        reply = REPLY.dump_json(_answer(content, DocumentFormat(asked["format"]), ParsingLimits(**asked["limits"])))
        replies.write(LENGTH.pack(len(reply)) + reply)
        replies.flush()


def _answer(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Reply:
    try:
        return Reply("read", extract=extract(content, document_format, limits))
    except AgentError as error:
        return Reply("refused", refusal=type(error).__name__, message=str(error))
    except RecursionError:
        message = "the document is nested too deeply; convert it to another format"
        return Reply("refused", refusal="InputInvalid", message=message)


if __name__ == "__main__":
    main()
