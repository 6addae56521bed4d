"""Lineage: from an answer, a bundle or a release back through the digests that each artefact names. No torch.

Every artefact of the loop names by SHA-256 what it was made from, so the walk needs nothing but the files: it looks for
each digest in the folders it is given, and verifies what it finds. What is not there stays a name with its digest, to
be checked by whoever holds the file. What is there and is not what it says is `LineageBroken`.

Guarantees:
    A thing is shown as verified only if its bytes have the digest that it is named by, and it holds together itself.
    A ledger of a branch that is found must hold the head that a release names.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from federation.errors import FederationError
from federation.privacy.ledger_file import read_ledger
from federation.release.files import read_release
from federation.release.format import RELEASE_FILE, Release, last_ledgers
from student.artifacts.digests import digest_bytes, digest_file, digest_json
from student.bundle.folder import open_bundle
from student.bundle.manifest import MANIFEST, Origin
from student.errors import BundleError
from teacher.errors import LineageBroken

TARGETS_FILE, RUN_FILE, LEDGER_FILE, WEIGHTS_FILE = "targets.json", "run.json", "ledger.jsonl", "model.safetensors"
_LEARNED = ("intent_head.safetensors", "query_adapter.safetensors", "reduction.safetensors")
_KNOWN = (MANIFEST, RELEASE_FILE, TARGETS_FILE, WEIGHTS_FILE, *_LEARNED)


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the lineage of another.

    Attributes:
        role, name, sha256: as it is named.
        path: where it was found and verified, or None.
        made_from: what it names itself, where it was found.
    """

    role: str
    name: str
    sha256: str
    path: Path | None
    made_from: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """Itself and everything below."""
        yield self
        for node in self.made_from:
            yield from node.walk()


def trace(thing: Path, folders: Sequence[Path], *, key: Path | None = None) -> Node:
    """The lineage of a bundle's or release's folder, or of a file with an answer of the agent.

    Args:
        thing: where it is.
        folders: where to look for what it was made from.
        key: file of the federation's public key, to check releases' signatures; None to check digests alone.

    Raises:
        LineageBroken: `thing` is none of these, or something found is not what it is named as.
    """
    shelf = _Shelf([thing if thing.is_dir() else thing.parent, *folders], key)
    if (thing / MANIFEST).is_file():
        return shelf.look_up(Origin(role="bundle", name=thing.name, sha256=digest_file(thing / MANIFEST), license=""))
    if (thing / RELEASE_FILE).is_file():
        return shelf.look_up(
            Origin(role="release", name=thing.name, sha256=digest_file(thing / RELEASE_FILE), license="")
        )
    answered_by = _bundle_of_answer(thing)
    bundle = Origin(
        role="bundle",
        name=f"{answered_by['name']} {answered_by['serial']}",
        sha256=str(answered_by["digest"]),
        license="",
    )
    return Node("answer", thing.name, digest_file(thing), thing, [shelf.look_up(bundle)])


def _bundle_of_answer(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())["bundle"]
        return {name: value[name] for name in ("name", "serial", "digest")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LineageBroken(
            f"{path} is no bundle, release or answer; expected a folder with {MANIFEST} or {RELEASE_FILE}, or what "
            "POST /v1/query said, in a file"
        ) from error


def _recipe_of_run(path: Path) -> Any:
    """The recipe in a run's file; None in a file that only has its name."""
    try:
        return json.loads(path.read_bytes())["recipe"]
    except (ValueError, KeyError, TypeError):
        return None


class _Shelf:
    """The files of some folders, by digest."""

    def __init__(self, folders: Sequence[Path], key: Path | None) -> None:
        self._key = key
        self._by_digest: dict[str, Path] = {}
        self._by_name: dict[str, list[Path]] = {}
        self._ledgers: dict[str, Path] = {}
        self._seen: set[str] = set()
        for path in sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()}):
            self._take(path)

    def _take(self, path: Path) -> None:
        self._by_name.setdefault(path.name, []).append(path)
        if path.name in _KNOWN:
            self._by_digest.setdefault(digest_file(path), path)
        elif path.name == LEDGER_FILE:
            self._ledgers[read_ledger(path).branch] = path
        elif path.name == RUN_FILE and (recipe := _recipe_of_run(path)) is not None:
            self._by_digest[digest_json(recipe)] = path

    def look_up(self, origin: Origin) -> Node:
        """The node of what an origin names, and of all that was made from; things named twice are opened once."""
        path = self._by_digest.get(origin.sha256) or self._find_file(origin)
        below: list[Node] = []
        if path and origin.sha256 not in self._seen:
            self._seen.add(origin.sha256)
            below = self._open(path)
        return Node(origin.role, origin.name, origin.sha256, path, below)

    def _find_file(self, origin: Origin) -> Path | None:
        """A file of the origin's name and digest; there may be others of its name."""
        candidates = self._by_name.get(Path(origin.name).name, [])
        return next((path for path in candidates if digest_file(path) == origin.sha256), None)

    def _open(self, path: Path) -> list[Node]:
        if path.name == MANIFEST:
            try:
                return [self.look_up(origin) for origin in open_bundle(path.parent).manifest.lineage]
            except BundleError as error:
                raise LineageBroken(f"{path.parent} is named in the lineage and is not whole: {error}") from error
        if path.name == RELEASE_FILE:
            return self._open_release(path)
        if path.name == TARGETS_FILE:
            return self._open_targets(path)
        return []

    def _open_release(self, path: Path) -> list[Node]:
        try:
            release = Release.model_validate_json(path.read_bytes())
            if self._key:
                read_release(path.parent, self._key)
            name = release.learned_file
            is_whole = digest_file(path.with_name(name)) == release.learned_sha256
        except (FederationError, ValueError, OSError) as error:
            raise LineageBroken(f"{path.parent} is named in the lineage and is no sound release: {error}") from error
        if not is_whole:
            raise LineageBroken(f"{path.parent}: {name} is not the one that the release names")
        origins = [("bundle", "that branches taught", release.bundle_digest)]
        origins.append(("recipe", f"of run {release.run_id}", release.recipe_digest))
        below = [self.look_up(Origin(role=role, name=name, sha256=sha, license="")) for role, name, sha in origins]
        ledgers = sorted(last_ledgers(release).items())
        return [*below, *(self._ledger(branch, entry.head) for branch, entry in ledgers)]

    def _ledger(self, branch: str, head: str) -> Node:
        path = self._ledgers.get(branch)
        if path and head not in {digest_bytes(line) for line in path.read_bytes().split(b"\n")}:
            raise LineageBroken(f"{path} is the ledger of branch {branch}, and has no line {head[:12]}")
        return Node("ledger", branch, head, path)

    def _open_targets(self, path: Path) -> list[Node]:
        value = json.loads(path.read_bytes())
        for shard in value["shards"]:
            file = path.parent / str(shard["file"])
            if not file.is_file() or digest_file(file) != shard["sha256"]:
                raise LineageBroken(f"{file} is missing or differs from the digest that {path} names")
        return [self.look_up(Origin.model_validate(origin)) for origin in value["lineage"]]
