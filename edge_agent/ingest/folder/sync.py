"""A comparison of a folder with the store: new and changed files are ingested, renamed ones moved, gone ones deleted.

Deletions are decided in `deletions.py`, after everything else. Each document is durable once it is done, so that an
interrupted comparison goes on where it was when it is run again.
"""

import shlex
from pathlib import Path
from threading import Event

from edge_agent.errors import InputInvalid
from edge_agent.ingest.folder.comparison import Comparison, Memory, OnFile, Plan
from edge_agent.ingest.folder.documents import Documents
from edge_agent.ingest.folder.places import absolute, places_of
from edge_agent.ingest.folder.scan import is_temporary
from edge_agent.ingest.folder.synced import Synced


def sync(
    documents: Documents,
    path: Path,
    plan: Plan | None = None,
    *,
    memory: Memory | None = None,
    stop: Event | None = None,
    on_file: OnFile = lambda done, total, source: None,
) -> Synced:
    """Ingests a file, or every document below a folder, and deletes where the plan says so.

    Args:
        documents: that ingests them.
        path: a file or a folder; see `places` for the root that it belongs to.
        plan: see `Plan`.
        memory: of the last comparison, where there are many; it is changed.
        stop: ends the comparison before the next file.
        on_file: a progress callback.

    Guarantees:
        No document is deleted while its root is missing, empty though it held documents, or cannot be listed whole, nor
        one of another root or of the API. A refused file leaves the stored version, marked stale.

    Raises:
        InputInvalid: the path does not exist, or is a file that should prune, or is one that is left out of its root.
        Interrupted: `stop` was set.
        AgentError: the server does not answer, or the store cannot be written.
    """
    plan, path = plan or Plan(), absolute(path)
    places = places_of(path, documents.roots())
    if plan.prune and not path.is_dir():
        raise InputInvalid(f"{path} is a file; --prune compares a whole folder")
    if hidden := next(filter(is_temporary, places[0].scope.split("/")), ""):
        raise InputInvalid(
            f"{path} is not ingested: hidden and temporary files and folders of a root ({places[0].folder}) are left "
            f"out, and {hidden!r} is one; rename it or move it elsewhere"
        )
    synced = Synced()
    labels = [place.label or documents.add_root(place.folder) for place in places]
    if len(places) > 1:
        named = ", ".join(f"{label} ({place.folder})" for place, label in zip(places, labels, strict=True))
        synced.remarks.append(f"compared with {len(places)} roots, and each file is named as in its own: {named}")
    elif places[0].label is None and places[0].scope:
        synced.remarks.append(f"{places[0].folder} is a root of the store from now on, called {labels[0]}")
    for place, label in zip(places, labels, strict=True):
        Comparison(
            documents=documents,
            place=place,
            label=label,
            plan=plan,
            memory=memory,
            stop=stop or Event(),
            how_to_allow=f"orilla edge ingest {shlex.quote(str(path))} --prune --allow-many-deletions",
            synced=synced,
        ).run(on_file)
    return synced
