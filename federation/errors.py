"""The errors of the federation, below `student.errors.OrillaError`.

    OrillaError
    └── FederationError
        ├── ParametersInvalid      a round's parameters break their format or contradict each other
        ├── PolicyInvalid          the branch's policy breaks its format
        ├── PolicyRefused          the branch's policy does not allow what a round asks for
        ├── BudgetRefused          the branch's ledger has too little left for what a round would spend
        ├── LedgerMissing          there is no ledger at that path
        ├── LedgerCorrupt          the ledger's chain is broken, cut or altered
        ├── LedgerLocked           another process is writing the ledger
        ├── ExamplesInvalid        a file of labelled tickets, or the store, cannot be read as examples
        ├── NothingToTrain         the branch keeps no data of the kind that a round trains with: nothing is spent
        ├── UpdateInvalid          an update or a sum is of another shape, round or size, or is not finite
        ├── AggregationRefused     a secure sum cannot be made, or not be opened, without saying more than it may
        ├── CheckpointInvalid      a checkpoint cannot be read, or is of another run
        ├── KeysInvalid            a key or certificate is missing, of another kind, or would be written over
        ├── DeploymentFailed       a process of the federation does not start, or a command to it fails
        ├── RunFailed              a run ends without a release: too few branches, or a gate not passed
        └── ReleaseRefused         a release is not signed by the center, altered, replayed or past its budget

No message holds text of a ticket, a customer, or a number derived from a branch's examples.
"""

from student.errors import OrillaError


class FederationError(OrillaError):
    """The federation refuses something."""


class ParametersInvalid(FederationError):
    """A round's parameters break their format or contradict each other."""


class PolicyInvalid(FederationError):
    """The branch's policy breaks its format."""


class PolicyRefused(FederationError):
    """The branch's policy does not allow what a round asks for."""


class BudgetRefused(FederationError):
    """The ledger has too little budget left for what a round would spend."""


class LedgerMissing(FederationError):
    """There is no ledger at the path."""


class LedgerCorrupt(FederationError):
    """The ledger's chain is broken, cut or altered."""


class LedgerLocked(FederationError):
    """Another process is writing the ledger."""


class ExamplesInvalid(FederationError):
    """Labelled tickets, or the edge agent's store, cannot be read as examples."""


class NothingToTrain(FederationError):
    """The branch keeps no data of the kind that the round trains with; it takes no part and spends nothing."""


class UpdateInvalid(FederationError):
    """An update or a sum is of another shape, round or size than expected, or is not finite."""


class AggregationRefused(FederationError):
    """A secure sum would say more than it may, or cannot be made: too few parties, wrong shares, wrong order."""


class CheckpointInvalid(FederationError):
    """A checkpoint cannot be read, or is of another run."""


class KeysInvalid(FederationError):
    """A key or certificate is missing, of another kind, or would be written over."""


class DeploymentFailed(FederationError):
    """A process of the federation does not start, or a command to it fails."""


class RunFailed(FederationError):
    """A run ends without a release: too few branches answered, or its evaluation did not pass the gate."""


class ReleaseRefused(FederationError):
    """A release is not signed by the center, altered, replayed, of another federation, or past its budget."""
