"""The check of a release against what the teacher absorbed before: made before anything is computed. No torch.

`read_release` has verified the signature, that the rounds cost what is claimed and stay within the run's budget, and
that every ledger grows with each round.

Guarantees:
    A release is absorbed once, and never one that is older than another of its federation.
    A branch's ledger is never shorter, or spent less, than when its federation's last release was absorbed.
"""

from collections.abc import Mapping, Sequence

from federation.release.files import VerifiedRelease
from federation.release.format import LedgerEntry, Release
from student.bundle.folder import Bundle
from student.bundle.manifest import PrivacySpent
from teacher.errors import AbsorptionRefused

_ROUNDING = 1e-6


def check_release(
    released: VerifiedRelease,
    bundle: Bundle,
    embedding_space: str,
    absorbed: Sequence[PrivacySpent],
    ledgers: Mapping[str, LedgerEntry],
    *,
    max_epsilon: float,
) -> None:
    """Checks that a verified release may be absorbed.

    Args:
        released: as `read_release` gives it.
        bundle: of the student that the branches taught.
        embedding_space: the teacher's.
        absorbed: what the teacher has absorbed so far.
        ledgers: branch → what its ledger said when this federation's last release was absorbed.
        max_epsilon: most that any branch's ledger may say after the release, over all its runs.

    Raises:
        AbsorptionRefused: unless it may.
    """
    release = released.release
    if released.digest in {each.sha256 for each in absorbed}:
        raise AbsorptionRefused(
            f"release {release.serial} of {release.federation} is absorbed already; nothing is left to do"
        )
    newest = max((each.serial for each in absorbed if each.federation == release.federation), default=0)
    if release.serial <= newest:
        raise AbsorptionRefused(
            f"release {release.serial} of {release.federation} is not newer than release {newest}, which this teacher "
            "has absorbed; it was sent before: get the newest"
        )
    if release.bundle_digest != bundle.digest:
        raise AbsorptionRefused(
            f"release {release.serial} was taught for bundle {release.bundle_digest[:12]}, this is "
            f"{bundle.digest[:12]}; name that bundle"
        )
    if {embedding_space} != {release.embedding_space, bundle.manifest.embedding_space}:
        raise AbsorptionRefused(
            f"the teacher's embedding space is {embedding_space[:12]}, that of the release "
            f"{release.embedding_space[:12]}; absorb it into the teacher of that space"
        )
    _check_ledgers(release, ledgers, max_epsilon)


def _check_ledgers(release: Release, ledgers: Mapping[str, LedgerEntry], max_epsilon: float) -> None:
    """Each goes on from where the last absorbed release left it, and none is past the center's limit."""
    left = dict(ledgers)
    for what, each in release.sums:
        for branch, entry in each.ledgers.items():
            before = left.pop(branch, None)
            if before and not (entry.serial > before.serial and entry.epsilon >= before.epsilon):
                raise AbsorptionRefused(
                    f"the ledger of branch {branch} has {entry.serial} entries and epsilon {entry.epsilon:.4f} at the "
                    f"beginning of release {release.serial}, and had {before.serial} and {before.epsilon:.4f} at the "
                    "end of the last one absorbed: its chain is broken; ask the branch before anything is absorbed"
                )
            if entry.epsilon > max_epsilon * (1 + _ROUNDING):
                raise AbsorptionRefused(
                    f"the ledger of branch {branch} says epsilon {entry.epsilon:.4f} after {what}, over all its "
                    f"runs; the limit here is {max_epsilon:g}"
                )
