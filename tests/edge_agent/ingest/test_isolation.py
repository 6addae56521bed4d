"""Children that parse: a hostile document takes down its own child and holds up nobody else."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from edge_agent.errors import AgentError, DocumentUnreadable, JobQueueFull
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import ParsingLimits

MISBEHAVING = """
import json, os, sys, time
import edge_agent.ingest.parsing.extraction as e
real = e.extract
def extract(content, *rest):
    if content == b'hang': time.sleep(1000)
    if content == b'spin':
        while True: pass
    if content == b'die': os._exit(3)
    if content == b'grow': [bytearray(10**8) for _ in range(1000)]
    if content == b'lie': os.write(3, b'0' * 100)
    if content == b'keep': e.kept = b'1' * 400_000_000
    if content == b'start': os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000.0625'); time.sleep(1000)
    if content == b'rights':
        import resource
        status = open('/proc/self/status').read()
        return real(json.dumps({
            'memory': resource.getrlimit(resource.RLIMIT_AS)[0], 'files': resource.getrlimit(resource.RLIMIT_FSIZE)[0],
            'seconds': resource.getrlimit(resource.RLIMIT_CPU)[0], 'nice': os.nice(0),
            'privileges': 'NoNewPrivs:\\t1' in status, 'names': sorted(os.environ),
        }).encode(), *rest)
    return real(content, *rest)
e.extract = extract
"""
"""A module that a child imports at its start: the parser is really made to hang, die, grow and lie."""

Opener = Callable[..., IsolatedParser]


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    """Opens parsers that misbehave when a document says so."""
    (tmp_path / "sitecustomize.py").write_text(MISBEHAVING)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    opened: list[IsolatedParser] = []

    def open_parser(*, children: int = 1, timeout_s: float = 60) -> IsolatedParser:
        limits, memory = ParsingLimits(), 1_000_000_000
        opened.append(
            IsolatedParser(limits, children=children, timeout_s=timeout_s, memory_bytes=memory, environment=environment)
        )
        return opened[-1]

    yield open_parser
    for parser in opened:
        parser.close()


def read(parser: IsolatedParser, content: bytes) -> str:
    return parser.read(content, DocumentFormat.TEXT).text


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "parsing.child" in " ".join(child.cmdline())]


def test_a_child_that_dies_grows_or_lies_is_replaced(opener: Opener) -> None:
    parser = opener()
    for content in (b"die", b"grow", b"lie"):
        with pytest.raises(DocumentUnreadable, match="crash or run out of memory"):
            read(parser, content)
        assert read(parser, b"Still here.") == "Still here."


def test_a_document_past_its_time_is_refused_and_its_child_replaced(opener: Opener) -> None:
    parser = opener(timeout_s=5)
    with pytest.raises(DocumentUnreadable, match="within 5 s"):
        read(parser, b"hang")
    assert read(parser, b"Still here.") == "Still here."


def test_a_document_that_holds_up_its_child_holds_up_no_other(opener: Opener) -> None:
    parser = opener(children=2)
    with ThreadPoolExecutor(1) as pool:
        hostile = pool.submit(read, parser, b"hang")
        while not children():
            time.sleep(0.01)
        for number in range(5):
            assert read(parser, b"Document %d." % number) == f"Document {number}."
        assert not hostile.done()
        parser.close()
        with pytest.raises(DocumentUnreadable):
            hostile.result(timeout=60)


def test_whoever_waits_too_long_for_a_child_is_told_to_come_again(opener: Opener) -> None:
    parser = opener(timeout_s=0.25)
    refusals: list[type[AgentError]] = []

    def ask() -> None:
        try:
            read(parser, b"hang")
        except AgentError as error:
            refusals.append(type(error))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(refusals) == 12
    assert set(refusals) == {DocumentUnreadable, JobQueueFull}


def test_children_start_when_they_are_needed_and_end_at_close(opener: Opener) -> None:
    before = len(children())
    parser = opener(children=3)
    assert len(children()) == before
    for _ in range(4):
        read(parser, b"Hello.")
    assert len(children()) == before + 1
    parser.close()
    assert len(children()) == before
    with pytest.raises(DocumentUnreadable):
        read(parser, b"Hello.")


def test_what_a_child_starts_ends_with_it(opener: Opener) -> None:
    parser = opener(timeout_s=2)
    with pytest.raises(DocumentUnreadable, match="within 2 s"):
        read(parser, b"start")
    started = [
        process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "1000.0625"]
    ]
    assert not started


def test_a_child_that_keeps_much_memory_is_ended_after_its_answer(opener: Opener) -> None:
    parser = opener()
    read(parser, b"Hello.")
    known = {child.pid for child in children()}
    read(parser, b"Hello.")
    assert {child.pid for child in children()} == known
    read(parser, b"keep")
    assert not known & {child.pid for child in children()}


def test_a_child_has_few_rights_and_sees_no_environment(opener: Opener) -> None:
    said = read(opener(), b"rights")
    for part in ('"memory": 1000000000', '"files": 0', f'"nice": {min(19, os.nice(0) + 5)}', '"privileges": true'):
        assert part in said
    assert '"names": ["LC_CTYPE", "PATH", "PYTHONPATH"]' in said or '"names": ["PATH", "PYTHONPATH"]' in said


def test_a_document_that_computes_without_end_is_ended_by_the_system_itself(opener: Opener) -> None:
    """So also where the server, which would end it by the clock, is gone."""
    parser = opener()
    child = parser._children[0]
    child._timeout_s = 1  # what the child is told
    child._start()
    child._timeout_s = 100
    with pytest.raises(DocumentUnreadable, match="within 100 s"):
        read(parser, b"spin")
    assert read(parser, b"Still here.") == "Still here."
