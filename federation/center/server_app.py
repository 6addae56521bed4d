"""The center's Flower app: runs the rounds of the run that its configuration names. Numpy only.

Flower shows nothing of what this process prints, so it logs into the run's folder, and tells how it ended there.
"""

import logging
import os
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from federation.center.prepared_run import read_run
from federation.center.rounds import run_rounds
from federation.errors import RunFailed
from federation.transport.processes import HOME_VARIABLE
from student.artifacts.durable import write_durably
from student.errors import OrillaError

RUN = "run"
"""Key of the run's configuration that names the run, a folder below `runs/` of the federation's folder."""
LOG_FILE, FAILURE_FILE = "log.txt", "failure.txt"

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Goes on with the run until its last round.

    Raises:
        RunFailed: as `run_rounds`, and where the configuration names no run.
    """
    folder = run_folder(context)
    handler = logging.FileHandler(folder / LOG_FILE)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("federation")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    (folder / FAILURE_FILE).unlink(missing_ok=True)
    try:
        run_rounds(grid, read_run(folder), folder)
    except OrillaError as error:
        logger.error("%s", error)
        write_durably(folder / FAILURE_FILE, f"{error}\n".encode())
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


def run_folder(context: Context) -> Path:
    """Folder of the run that the configuration names, below the federation's folder that this process was given.

    Raises:
        RunFailed: no run is named, or there is no such folder.
    """
    home, name = os.environ.get(HOME_VARIABLE), str(context.run_config.get(RUN, ""))
    folder = Path(home or ".") / "runs" / name
    if not home or not name or Path(name).name != name or not folder.is_dir():
        raise RunFailed(
            f"no run {name!r} is ready in {home or 'any folder'}; start one with orilla federation run RECIPE"
        )
    return folder
