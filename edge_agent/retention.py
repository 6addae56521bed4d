"""Retention: feedback, reviews and records of jobs go when they are older than a number of days."""

import logging
import threading
from datetime import UTC, datetime
from typing import Self

from edge_agent.agent import Agent
from edge_agent.errors import AgentError
from edge_agent.forgetting import expire

log = logging.getLogger(__name__)

_EVERY_S = 6 * 3600.0


class Retention:
    """Looks at once, and four times a day, for what is too old."""

    def __init__(self, agent: Agent, keep_days: int) -> None:
        """Starts, unless everything is kept.

        Args:
            agent: whose feedback, reviews and jobs they are.
            keep_days: days that these are kept; 0 for ever.
        """
        self._agent, self._keep_days = agent, keep_days
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        if keep_days:
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_closing.set()
        if self._keep_days:
            self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                feedback, reviews, jobs = expire(self._agent, datetime.now(UTC), keep_days=self._keep_days)
            except AgentError as error:
                log.error("what is too old is not deleted yet: %s", error)
            else:
                if feedback or reviews or jobs:
                    said = "older than %d days, deleted: %d judgements, %d reviews, %d records of jobs"
                    log.info(said, self._keep_days, feedback, reviews, jobs)
            if self._is_closing.wait(_EVERY_S):
                return
