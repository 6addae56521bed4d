"""The child process that parses: `python -m edge_agent.ingest.parsing.child BYTES SECONDS`; see `isolation.py`."""

import ctypes
import json
import os
import resource
import sys
from contextlib import suppress

from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.messages import pack_extract, receive, send
from edge_agent.settings import ParsingLimits

_NICENESS = 5
"""So that on a busy machine questions go first, and documents still have a fair share of it."""
_NO_NEW_PRIVILEGES = 38  # of prctl(2)
_MAX_REQUEST = 1 << 32


def main() -> None:
    """Answers one message after another until the pipe ends."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    _give_up_rights(memory)
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a parser prints must not stand among the replies
    while (request := receive(requests, at_most=_MAX_REQUEST, at_most_frames=2)) is not None:
        head, content = request
        asked = json.loads(head)
        _limit_processor_time(seconds)
        send(replies, _answer(content, DocumentFormat(asked["format"]), ParsingLimits(**asked["limits"])))


def _give_up_rights(memory: int) -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write anywhere
    with suppress(AttributeError, OSError):  # Linux alone has it
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _limit_processor_time(seconds: int) -> None:
    """Ends this process once a document has cost so much, also where the server that would kill it is gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _answer(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> list[bytes]:
    try:
        return pack_extract(extract(content, document_format, limits))
    except AgentError as error:
        return [json.dumps({"refusal": type(error).__name__, "message": str(error)}).encode()]
    except RecursionError:
        message = "the document is nested too deeply; convert it to another format"
        return [json.dumps({"refusal": "InputInvalid", "message": message}).encode()]


if __name__ == "__main__":
    main()
