"""A release: what a run has taught, signed, in kilobytes; and a bundle made from it without touching the encoder.

Torch-free and Flower-free: the edge agent's side of the federation. A folder of three files:

    head.safetensors   weight (C, D) and bias (C,) of the intent head, for the bundle's own embeddings;
                       or adapter.safetensors: a and b (r, D) of the query adapter
    release.json       what it is, what it cost and who took part; names the file above by SHA-256
    release.sig        Ed25519 signature of release.json's bytes, in base64

It is written aside and renamed into place, and read in this order: is it there, is it signed by the federation's key,
is it of a version we read, is every file whole, does what it says hold together. Only then are its numbers used.

Guarantees:
    What is refused leaves the disk as it was.
    A bundle made from a release has the embedding space of the one before it, so no index is rebuilt.
    The same bundle and release make the same bundle everywhere, to the byte.
"""

import base64
import binascii
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load

from federation.errors import ReleaseRefused
from federation.learning.evaluation import AccuracyEstimate
from federation.privacy.accounting import Spending, epsilon_of
from federation.transport.certificates import read_verifying_key
from student.artifacts.digests import Digest, digest_bytes
from student.artifacts.durable import making_folder, sync
from student.bundle.folder import Bundle, open_bundle, write_bundle
from student.bundle.linear_head import INTENT, LinearHead, pack_head
from student.bundle.manifest import Created, PrivacySpent
from student.bundle.query_adapter import QueryAdapter, pack_adapter, parse_adapter
from student.runtime.probes import Probe
from student.runtime.student import load_student

FORMAT: Final = "orilla-release"
RELEASE_FILE, SIGNATURE_FILE, HEAD_FILE = "release.json", "release.sig", "head.safetensors"
ADAPTER_FILE = "adapter.safetensors"
ROLE = "release"
_MAX_BYTES = 64 << 20
_ROUNDING = 1e-6


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerEntry(_Part):
    """What one branch's ledger said after a round: its length, the digest of its last line, and what is spent."""

    serial: Annotated[int, Field(ge=1)]
    head: Digest
    epsilon: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReleasedRound(_Part):
    """Who took part in one round, and what their ledgers said after it; `attempts` counts those that failed too."""

    round_number: Annotated[int, Field(ge=1)]
    survivors: Annotated[int, Field(ge=1)]
    attempts: Annotated[int, Field(ge=1)]
    ledgers: dict[str, LedgerEntry]


class Privacy(_Part):
    """The guarantee of the run, with everything it needs to mean something, and the budget it had to stay within."""

    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    delta: Annotated[float, Field(gt=0, lt=1)]
    budget_epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: Literal["customer"]
    neighboring: Literal["add-or-remove"]
    accountant: str
    mechanism: Literal["secure", "local"]
    noise_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AtBranches(_Part):
    """What branches counted of customers that were not trained on: noisy, with its own cost to those."""

    whole: AccuracyEstimate
    new_labels: AccuracyEstimate | None = None
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    noise_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    survivors: Annotated[int, Field(ge=1)]
    ledgers: dict[str, LedgerEntry]


class Evaluation(_Part):
    """On the center's own validation set: the bundle's head before, and the released one; and at the branches."""

    baseline: Annotated[float, Field(ge=0, le=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    texts: Annotated[int, Field(ge=1)]
    at_branches: AtBranches | None = None


class Release(_Part):
    """`release.json`.

    Attributes:
        federation: whose.
        part: what was trained.
        serial: of its releases; only grows.
        bundle_digest: of the bundle it is for.
        recipe_digest: of what the run was made from.
        labels, temperature, threshold: of the head.
        rank: of the adapter.
        head_sha256, adapter_sha256: of the file of its part.
    """

    format: Literal["orilla-release"] = FORMAT
    format_version: Literal[1] = 1
    federation: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    serial: Annotated[int, Field(ge=1)]
    run_id: str
    created: Created
    bundle_digest: Digest
    embedding_space: Digest
    recipe_digest: Digest
    part: Literal["head", "adapter"] = "head"
    labels: tuple[str, ...] = ()
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    rank: Annotated[int, Field(ge=0, le=256)] = 0
    privacy: Privacy
    rounds: Annotated[tuple[ReleasedRound, ...], Field(min_length=1)]
    evaluation: Evaluation
    head_sha256: Digest | None = None
    adapter_sha256: Digest | None = None

    @property
    def file(self) -> tuple[str, Digest | None]:
        """Name and SHA-256 of the file of its part."""
        return (HEAD_FILE, self.head_sha256) if self.part == "head" else (ADAPTER_FILE, self.adapter_sha256)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        self._check_part()
        numbers = [released.round_number for released in self.rounds]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValueError("rounds are not numbered from 1 without a gap")
        attempts = sum(released.attempts for released in self.rounds)
        epsilon = epsilon_of({Spending(self.privacy.noise_multiplier): attempts}, self.privacy.delta)
        if not math.isclose(epsilon, self.privacy.epsilon, rel_tol=_ROUNDING):
            raise ValueError(f"its rounds cost epsilon {epsilon:.6f}, not the {self.privacy.epsilon:.6f} it claims")
        if self.privacy.epsilon > self.privacy.budget_epsilon * (1 + _ROUNDING):
            raise ValueError(f"epsilon {self.privacy.epsilon:.6f} is past its budget {self.privacy.budget_epsilon:.6f}")
        self._check_evaluation()
        self._check_ledgers()
        return self

    def _check_evaluation(self) -> None:
        """It costs what it claims to the held-out customers, and no more than training costs the others."""
        found = self.evaluation.at_branches
        if found is None:
            return
        epsilon = epsilon_of({Spending(found.noise_multiplier): 1}, self.privacy.delta)
        if not math.isclose(epsilon, found.epsilon, rel_tol=_ROUNDING):
            raise ValueError(f"its evaluation costs epsilon {epsilon:.6f}, not the {found.epsilon:.6f} it claims")
        if found.epsilon > self.privacy.epsilon * (1 + _ROUNDING):
            raise ValueError(f"its evaluation costs epsilon {found.epsilon:.6f}, more than its rounds")

    def _check_part(self) -> None:
        """A head has labels and its digest alone, an adapter a rank and its digest alone."""
        has = (len(self.labels) > 1, self.rank > 0, self.head_sha256 is not None, self.adapter_sha256 is not None)
        if has != ((True, False, True, False) if self.part == "head" else (False, True, False, True)):
            raise ValueError(f"labels, rank and digests are not those of a release of the {self.part}")

    @property
    def sums(self) -> list[tuple[str, ReleasedRound | AtBranches]]:
        """Everything that branches paid for, in order and by name: the rounds, and the evaluation if there was one."""
        rounds: list[tuple[str, ReleasedRound | AtBranches]] = [(f"round {r.round_number}", r) for r in self.rounds]
        found = self.evaluation.at_branches
        return [*rounds, ("the evaluation", found)] if found else rounds

    @property
    def fewest_branches(self) -> int:
        """In the sum of a round."""
        return min(released.survivors for released in self.rounds)

    def _check_ledgers(self) -> None:
        """Every ledger grows with each round, and is never two things at one length."""
        last: dict[str, LedgerEntry] = {}
        for what, each in self.sums:
            if len(each.ledgers) < each.survivors:
                raise ValueError(f"{what} has {each.survivors} survivors and fewer ledgers")
            for branch, entry in each.ledgers.items():
                before = last.get(branch)
                if before is not None and not (entry.serial > before.serial and entry.epsilon >= before.epsilon):
                    raise ValueError(f"the ledger of branch {branch} is broken at {what}")
                last[branch] = entry


@dataclass(frozen=True, slots=True)
class ReleasedHead:
    """A verified release and its head."""

    release: Release
    head: LinearHead
    digest: str


@dataclass(frozen=True, slots=True)
class ReleasedAdapter:
    """A verified release and its adapter."""

    release: Release
    adapter: QueryAdapter
    digest: str


def write_release(path: Path, release: Release, learned: bytes, key: Ed25519PrivateKey) -> None:
    """Writes a release aside, signed, and renames it into place.

    Raises:
        ReleaseRefused: something is at `path`, or what was learned is not what the release names.
    """
    name, digest = release.file
    if path.exists():
        raise ReleaseRefused(f"{path} exists; a release is never written over")
    if digest_bytes(learned) != digest:
        raise ReleaseRefused(f"{name} is not the one that the release names")
    content = (release.model_dump_json(indent=1, exclude_none=True) + "\n").encode()
    with making_folder(path) as new:
        (new / name).write_bytes(learned)
        (new / RELEASE_FILE).write_bytes(content)
        (new / SIGNATURE_FILE).write_bytes(base64.b64encode(key.sign(content)) + b"\n")


def read_release(path: Path, key: Path) -> ReleasedHead:
    """Reads a release of the head and verifies all of it.

    Args:
        path: its folder.
        key: file of the federation's public key.

    Raises:
        ReleaseRefused: missing, not signed with that key, altered, of a later version, contradicting itself, or of the
            adapter.
        KeysInvalid: the key cannot be read.
    """
    read = read_any_release(path, key)
    if not isinstance(read, ReleasedHead):
        raise ReleaseRefused(f"release {path} is of the query adapter; expected one of the intent head")
    return read


def read_any_release(path: Path, key: Path) -> ReleasedHead | ReleasedAdapter:
    """Reads a release of either part and verifies all of it; raises as `read_release`."""
    content = _read(path / RELEASE_FILE)
    try:
        read_verifying_key(key).verify(base64.b64decode(_read(path / SIGNATURE_FILE).strip(), validate=True), content)
    except (InvalidSignature, binascii.Error) as error:
        raise ReleaseRefused(
            f"release {path} is not signed with {key}: it was altered, or is of another federation; get it again"
        ) from error
    release = _parse(content, path)
    name, digest = release.file
    learned = _read(path / name)
    if digest_bytes(learned) != digest:
        raise ReleaseRefused(f"release {path}: {name} is not the one that was signed; get it again")
    if release.part == "head":
        return ReleasedHead(release, _read_head(learned, release, path), digest_bytes(content))
    return ReleasedAdapter(release, _read_adapter(learned, release, path), digest_bytes(content))


def apply_release(path: Path, bundle: Path, out: Path, *, key: Path) -> Bundle:
    """Makes a bundle with what was learned in place of its own, one serial up; it is checked by its own probes.

    Args:
        path: the release's folder.
        bundle: the bundle that it is for.
        out: folder to make.
        key: file of the federation's public key.

    Raises:
        ReleaseRefused: as `read_release`; or the bundle is another one, or has had this release or a later one, or
            something else is at `out`; the same bundle is left as it is.
        BundleError: a bundle cannot be read or written.
    """
    released, old = read_any_release(path, key), open_bundle(bundle)
    _check_fits(released, old)
    release, manifest = released.release, old.manifest
    files = {name: old.read(name) for name in manifest.files}
    files[manifest.model_card] += _model_card_part(release).encode()
    value: dict[str, Any] = manifest.model_dump(mode="json", exclude={"files", "format", "format_version"})
    fields = value | {
        "serial": manifest.serial + 1,
        "created": max(release.created, manifest.created),
        "metrics": value["metrics"] | {"federation": _metrics(release)},
        "lineage": [*value["lineage"], *_origins(released, old)],
        "privacy": [*value["privacy"], privacy_spent(released).model_dump()],
    }
    put = _put_head(released, old, files) if isinstance(released, ReleasedHead) else _put_adapter(released, files)
    with tempfile.TemporaryDirectory(dir=_parent(out), prefix=f".{out.name}.") as aside:
        made = write_bundle(Path(aside) / "new", fields | put, files)
        load_student(made.path, workers=1).close()
        if out.exists():
            return _same(made, out)
        made.path.rename(out)
    sync(out.parent)
    return open_bundle(out)


def privacy_spent(released: ReleasedHead | ReleasedAdapter) -> PrivacySpent:
    """What cards say of a release from now on."""
    release, privacy = released.release, released.release.privacy
    return PrivacySpent(
        federation=release.federation,
        serial=release.serial,
        sha256=released.digest,
        run_id=release.run_id,
        rounds=len(release.rounds),
        fewest_branches=release.fewest_branches,
        epsilon=round(privacy.epsilon, 6),
        delta=privacy.delta,
        unit=privacy.unit,
        neighboring=privacy.neighboring,
        accountant=privacy.accountant,
        mechanism=privacy.mechanism,
        largest_ledger_epsilon=round(max(entry.epsilon for entry in last_ledgers(release).values()), 6),
    )


def last_ledgers(release: Release) -> dict[str, LedgerEntry]:
    """Branch → what its ledger said after the last round, or the evaluation, that it took part in."""
    return {branch: entry for _, each in release.sums for branch, entry in each.ledgers.items()}


def _put_head(released: ReleasedHead, old: Bundle, files: dict[str, bytes]) -> dict[str, Any]:
    """Puts a head among a bundle's files; returns the manifest's fields that change with it."""
    manifest, release = old.manifest, released.release
    file = manifest.heads[INTENT].file if INTENT in manifest.heads else "intent.safetensors"
    files[file] = pack_head(released.head.weight, released.head.bias)
    files[manifest.probes.file] = _relabeled(files[manifest.probes.file], released.head)
    entry = {
        "file": file,
        "labels": list(release.labels),
        "temperature": release.temperature,
        "threshold": release.threshold,
    }
    heads: dict[str, Any] = manifest.model_dump(mode="json")["heads"]
    return {"heads": heads | {INTENT: entry}}


def _put_adapter(released: ReleasedAdapter, files: dict[str, bytes]) -> dict[str, Any]:
    files[ADAPTER_FILE] = pack_adapter(released.adapter)
    return {"adapter": {"file": ADAPTER_FILE, "rank": released.release.rank}}


def _same(made: Bundle, out: Path) -> Bundle:
    there = open_bundle(out)
    if there.digest != made.digest:
        raise ReleaseRefused(f"{out} holds another bundle, {there.digest[:12]}; name another folder")
    return there


def _check_fits(released: ReleasedHead | ReleasedAdapter, old: Bundle) -> None:
    release = released.release
    later = [
        origin.name
        for origin in old.manifest.lineage
        if origin.role == ROLE and _serial_of(origin.name, release.federation) >= release.serial
    ]
    if later:
        raise ReleaseRefused(
            f"bundle {old.manifest.name} {old.manifest.serial} has {later[0]}; release {release.serial} is not newer: "
            "it was sent before"
        )
    if old.manifest.embedding_space != release.embedding_space or old.digest != release.bundle_digest:
        raise ReleaseRefused(
            f"release {release.serial} of {release.federation} is for bundle {release.bundle_digest[:12]}, this is "
            f"{old.digest[:12]}; install that bundle first, or get a release for this one"
        )


def _origins(released: ReleasedHead | ReleasedAdapter, old: Bundle) -> list[dict[str, str]]:
    release, name = released.release, old.manifest.name
    spdx = old.manifest.licenses[0].spdx
    return [
        {"role": "bundle", "name": f"{name} {old.manifest.serial}", "sha256": old.digest, "license": spdx},
        {"role": ROLE, "name": _origin_name(release), "sha256": released.digest, "license": spdx},
    ]


def _origin_name(release: Release) -> str:
    return f"{release.federation} release {release.serial}"


def _serial_of(name: str, federation: str) -> int:
    """The serial in an origin's name; 0 where it is another federation's."""
    prefix, number = name.rpartition(" ")[::2]
    return int(number) if prefix == f"{federation} release" and number.isdigit() else 0


def _metrics(release: Release) -> dict[str, Any]:
    return {
        "accuracy": release.evaluation.accuracy,
        "baseline": release.evaluation.baseline,
        "texts": release.evaluation.texts,
        "epsilon": round(release.privacy.epsilon, 6),
        "delta": release.privacy.delta,
        "rounds": len(release.rounds),
        "fewest_branches": release.fewest_branches,
    }


def _counted(release: Release) -> str:
    """What branches counted, in a sentence for the model card."""
    found = release.evaluation.at_branches
    if found is None or found.whole.before is None:
        return ""
    return (
        f"Counted by {found.survivors} branches with customers that were not trained on: {found.whole.before} before, "
        f"{found.whole.after} after (± standard error of the noise; epsilon {found.epsilon:.3f} to those customers).\n"
    )


def _model_card_part(release: Release) -> str:
    privacy, evaluation = release.privacy, release.evaluation
    part, figure = ("intent head", "Accuracy") if release.part == "head" else ("query adapter", "Right passage first")
    return (
        f"\n## Taught by branches: {_origin_name(release)}\n\n"
        f"The {part} was trained in run {release.run_id}: {len(release.rounds)} rounds with "
        f"{release.fewest_branches} branches or more in each. It costs a customer at most epsilon "
        f"{privacy.epsilon:.3f} at delta {privacy.delta:g} (per "
        f"{privacy.unit}, {privacy.neighboring} neighbors, {privacy.accountant}, {privacy.mechanism} noise). {figure} "
        f"on {evaluation.texts} texts of the center's own: {evaluation.baseline:.4f} before, "
        f"{evaluation.accuracy:.4f} after.\n{_counted(release)}"
    )


def _relabeled(probes: bytes, head: LinearHead) -> bytes:
    """The probes with the labels that the new head gives to their embeddings; embeddings stay as they are."""
    lines = []
    for value in json.loads(probes):
        embedding = np.array(Probe.model_validate(value).embedding, dtype=np.float32)
        labels = value.get("labels", {}) | {INTENT: head.classify(embedding).label}
        lines.append(json.dumps(value | {"labels": labels}, ensure_ascii=False))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def _read_adapter(content: bytes, release: Release, path: Path) -> QueryAdapter:
    try:
        dimension = load(content)["a"].shape[-1]
        return parse_adapter(content, release.rank, dimension)
    except (SafetensorError, KeyError, IndexError, ValueError) as error:
        raise ReleaseRefused(f"release {path}: {ADAPTER_FILE} holds no adapter of rank {release.rank}") from error


def _read_head(content: bytes, release: Release, path: Path) -> LinearHead:
    try:
        tensors: dict[str, NDArray[Any]] = load(content)
        weight, bias = tensors["weight"].astype(np.float32), tensors["bias"].astype(np.float32)
    except (SafetensorError, KeyError) as error:
        raise ReleaseRefused(f"release {path}: {HEAD_FILE} holds no head; get it again") from error
    count = len(release.labels)
    if weight.ndim != 2 or len(weight) != count or bias.shape != (count,) or not np.isfinite(weight).all():
        raise ReleaseRefused(
            f"release {path}: its head is {weight.shape}, {bias.shape} or not finite; expected {count} labels"
        )
    return LinearHead(weight, bias, release.labels, release.temperature, release.threshold)


def _parse(content: bytes, path: Path) -> Release:
    try:
        return Release.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ReleaseRefused(
            f"release {path} does not hold together, or is of a later format: {where}: {first['msg']}; it is not used"
        ) from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReleaseRefused(f"{path} is larger than {_MAX_BYTES} bytes; it is no release's")
        return path.read_bytes()
    except OSError as error:
        raise ReleaseRefused(f"{path} cannot be read: {error.strerror}; get the release again") from error


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent
