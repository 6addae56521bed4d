"""A question's way from its route to its answer touches few files, and those that docs/architecture.md names."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fastapi.routing import APIRoute

from edge_agent.access.key_file import KeyFile
from edge_agent.agent import Agent
from edge_agent.http.app import create_routes
from edge_agent.http.metrics import Metrics
from edge_agent.http.questions import QueryRequest
from edge_agent.ingest.jobs import Jobs
from edge_agent.intents.learning import HeadLearning
from edge_agent.settings import HttpSettings
from tests.conftest import ROOT

MOST_FILES = 28
QUESTIONS = (
    "How long are backups kept on the Marea plan?",
    "¿Cuánto tarda un reembolso?",
    "What is the capital of France?",
    "Who founded the company?",
)


@contextmanager
def files_called() -> Iterator[set[str]]:
    """The product's files in which a function is called while the block lasts, in this thread and in new ones."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT) and not {".venv", "tests"} & set(path.parts):
            files.add(path.relative_to(ROOT).as_posix())

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_a_questions_way_from_the_route_to_its_answer_touches_few_files(demo_agent: Agent, tmp_path: Path) -> None:
    models = demo_agent.models
    with (
        Jobs(tmp_path / "jobs", demo_agent.ingest_job) as jobs,
        HeadLearning(models.own_heads, models.learning_start) as learning,
    ):
        app = create_routes(
            demo_agent, jobs, learning, Metrics(demo_agent, jobs), settings=HttpSettings(), keys=KeyFile(tmp_path)
        )
        (endpoint,) = (r.endpoint for r in app.routes if isinstance(r, APIRoute) and r.path == "/v1/query")
        with files_called() as files:
            answers = [endpoint(QueryRequest(text=text)) for text in QUESTIONS]
    assert [answer.abstained for answer in answers] == [False, False, True, False]
    assert len(files) <= MOST_FILES, sorted(files)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = page.split("## A question's way")[1].split("\n\n")[2]
    assert set(re.findall(r"(?:edge_agent|student)/[\w/]+\.py", drawing)) == files
