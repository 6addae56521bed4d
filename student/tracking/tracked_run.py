"""A tracked run: one run in one or several stores, whatever number of times it is killed and continued.

Guarantees:
    Each step of a figure is in a store once.
    No text of a corpus or a user is in a store: parameters are those of recipes, long ones as their digest.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from student.artifacts.digests import Digest, digest_bytes, digest_file
from student.artifacts.durable import write_durably
from student.artifacts.settings import to_json
from student.errors import TrackingFailed

RUN_FILE = "run.json"
_LONGEST = 250
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
Status = Literal["running", "finished", "stopped", "failed"]


class RunFacts(BaseModel):
    """`run.json`: the facts of a tracked run, of which only `status`, `ended` and `artifacts` change.

    Attributes:
        id: random, so that the stores know a continued run again.
        command: that made it, such as `student distill`.
        name: of the run, for people.
        parameters: of its recipe, flat.
        begun, ended: times, UTC.
        artifacts: SHA-256 of the files that were made, by name.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["orilla-tracked-run"] = "orilla-tracked-run"
    format_version: Literal[1] = 1
    id: str
    command: str
    name: str
    parameters: dict[str, str]
    status: Status = "running"
    begun: datetime
    ended: datetime | None = None
    artifacts: dict[str, Digest] = {}


class Store(Protocol):
    """A place for the figures of a run. Each method raises `TrackingFailed` where it cannot be written."""

    def begin(self, facts: RunFacts, step: int) -> None:
        """Opens the run, which is new there or goes on; figures of steps after this one come again."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds figures of a step."""

    def end(self, facts: RunFacts) -> None:
        """Closes the run with the status and artifacts that it has now."""


@dataclass(slots=True)
class TrackedRun:
    """A run and its stores, which are opened at the first call: a run that is refused before it begins leaves nothing.

    A store that fails later is left out from then on, with a warning: hours of training are worth more.

    Attributes:
        folder: of `run.json`, made where it is missing.
        command, name, parameters: see `RunFacts`; other parameters than those in the folder begin another run.
        stores: that it is written to; none where nothing is tracked.
        is_continued: False where the same parameters are another run all the same, and figures of before go.
    """

    folder: Path
    command: str
    name: str
    parameters: Mapping[str, Any]
    stores: list[Store] = field(default_factory=list)
    is_continued: bool = True
    _facts: RunFacts | None = field(default=None, init=False)

    def resume(self, step: int) -> None:
        """Begins, or goes on after a step."""
        if not self.stores:
            return
        self._facts = self._read_or_make_facts()
        for store in self.stores:
            store.begin(self._facts, step)
        self._write()

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds figures of a step, by name."""
        self._begun()
        plain = {plain_name(name): float(value) for name, value in figures.items()}
        self._in_each(lambda store: store.log(step, plain))

    def end(self, status: Status = "finished", artifacts: Mapping[str, str] | None = None) -> None:
        """Ends the run, with the SHA-256 of what was made by name; one that never began leaves nothing."""
        if status == "finished":
            self._begun()
        if self._facts is None:
            return
        changed = {"status": status, "ended": datetime.now(UTC), "artifacts": dict(artifacts or {})}
        facts = self._facts = self._facts.model_copy(update=changed)
        self._in_each(lambda store: store.end(facts))
        self._write()

    def _in_each(self, call: Callable[[Store], None]) -> None:
        for store in list(self.stores):
            try:
                call(store)
            except TrackingFailed as error:
                self.stores.remove(store)
                logging.getLogger(__name__).warning("%s; the run goes on without it", error)

    def _begun(self) -> None:
        if self._facts is None:
            self.resume(0 if self.is_continued else -1)

    def _read_or_make_facts(self) -> RunFacts:
        flat = flat_parameters(self.parameters)
        try:
            before = RunFacts.model_validate_json((self.folder / RUN_FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            before = None
        if self.is_continued and before and (before.command, before.parameters) == (self.command, flat):
            return before.model_copy(update={"status": "running", "ended": None})
        number, now = secrets.token_hex(8), datetime.now(UTC)
        return RunFacts(id=number, command=self.command, name=self.name, parameters=flat, begun=now)

    def _write(self) -> None:
        if self._facts:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(self.folder / RUN_FILE, to_json(self._facts))


def flat_parameters(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Nested parameters as text by dotted name or number; a long one as its digest, an address without credentials."""
    flat: dict[str, str] = {}
    for name, value in parameters.items():
        if value and isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value):
            flat |= flat_parameters({f"{name}.{number}": each for number, each in enumerate(value)})
            continue
        if isinstance(value, Mapping):
            flat |= {f"{plain_name(name)}.{key}": inner for key, inner in flat_parameters(value).items()}
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        text = _CREDENTIALS.sub("", text)
        flat[plain_name(name)] = text if len(text) <= _LONGEST else f"sha256 {digest_bytes(text.encode())}"
    return flat


def plain_name(name: str) -> str:
    """A name of the letters that every store allows."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def digests_of(folder: Path, names: Iterable[str] = ("**/*",)) -> dict[str, str]:
    """SHA-256 of the files of a folder that some patterns match, by name."""
    files = sorted({path for name in names for path in folder.glob(name) if path.is_file()})
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}
