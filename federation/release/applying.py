"""A new bundle from an installed one and a release, without touching the encoder.

Guarantees:
    What is refused leaves the disk as it was.
    A bundle made from a release has the embedding space of the one before it, so no index is rebuilt.
    The same bundle and release make the same bundle everywhere, to the byte.
"""

import tempfile
from pathlib import Path
from typing import Any

from federation.errors import ReleaseRefused
from federation.learning.parts import part_named
from federation.release.files import VerifiedRelease, read_release
from federation.release.format import Release, last_ledgers
from student.artifacts.durable import fsync_path
from student.bundle.folder import Bundle, open_bundle, write_bundle
from student.bundle.manifest import PrivacySpent
from student.runtime.student import load_student

ROLE = "release"
"""Of a release in a bundle's lineage."""


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
    released, old = read_release(path, key), open_bundle(bundle)
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
    fields |= part_named(release.part).put_into_bundle(released.learned, release, old, files)
    with tempfile.TemporaryDirectory(dir=_parent(out), prefix=f".{out.name}.") as temporary:
        made = write_bundle(Path(temporary) / "new", fields, files)
        load_student(made.path, workers=1).close()
        if out.exists():
            return _same(made, out)
        made.path.rename(out)
    fsync_path(out.parent)
    return open_bundle(out)


def privacy_spent(released: VerifiedRelease) -> PrivacySpent:
    """The privacy that a release has spent, as the cards of all that is made from it say."""
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


def _same(made: Bundle, out: Path) -> Bundle:
    there = open_bundle(out)
    if there.digest != made.digest:
        raise ReleaseRefused(f"{out} holds another bundle, {there.digest[:12]}; name another folder")
    return there


def _check_fits(released: VerifiedRelease, old: Bundle) -> None:
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


def _origins(released: VerifiedRelease, old: Bundle) -> list[dict[str, str]]:
    release, name = released.release, old.manifest.name
    spdx = old.manifest.licenses[0].spdx
    return [
        {"role": "bundle", "name": f"{name} {old.manifest.serial}", "sha256": old.digest, "license": spdx},
        {"role": ROLE, "name": release.name, "sha256": released.digest, "license": spdx},
    ]


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
    """The counts of branches, in a sentence for the model card."""
    found = release.evaluation.at_branches
    if found is None or found.whole.before is None:
        return ""
    return (
        f"Counted by {found.survivors} branches with customers that were not trained on: {found.whole.before} before, "
        f"{found.whole.after} after (± standard error of the noise; epsilon {found.epsilon:.3f} to those customers).\n"
    )


def _model_card_part(release: Release) -> str:
    privacy, evaluation = release.privacy, release.evaluation
    part = part_named(release.part)
    return (
        f"\n## Taught by branches: {release.name}\n\n"
        f"The {part.title} was trained in run {release.run_id}: {len(release.rounds)} rounds with "
        f"{release.fewest_branches} branches or more in each. It costs a customer at most epsilon "
        f"{privacy.epsilon:.3f} at delta {privacy.delta:g} (per "
        f"{privacy.unit}, {privacy.neighboring} neighbors, {privacy.accountant}, {privacy.mechanism} noise). "
        f"{part.figure} on {evaluation.texts} texts of the center's own: {evaluation.baseline:.4f} before, "
        f"{evaluation.accuracy:.4f} after.\n{_counted(release)}"
    )


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent
