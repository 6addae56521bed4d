"""Every error of the project descends from `OrillaError`; those of the student are here.

    OrillaError
    ├── BundleError
    │   ├── BundleMissing      nothing at that path
    │   ├── BundleForeign      something is there, but it is not an Orilla bundle
    │   ├── BundleTooNew       written by a later format than this program reads
    │   ├── ManifestInvalid    the manifest breaks the format
    │   ├── BundleTruncated    a file is missing or shorter than the manifest says
    │   ├── BundleDamaged      a file differs from its digest, or is not listed
    │   ├── BundleUnusable     intact, but graph, tokenizer or heads do not fit together
    │   ├── BundleExists       refusing to write over an existing folder
    │   └── ProbesFailed       this machine does not reproduce the bundle's own embeddings
    ├── ExtraMissing           a command needs an extra that is not installed
    ├── TrackingFailed         figures of a run cannot be written to a store
    └── Interrupted            a signal ended the work between two steps; what was done is kept

A message names the thing, what was expected and found, and what to do. It never quotes a user's or a document's text.
"""


class OrillaError(Exception):
    """Anything this project refuses on purpose; the message is fit to be shown."""


class BundleError(OrillaError):
    """A bundle cannot be used."""


class BundleMissing(BundleError):
    """There is nothing at the bundle's path."""


class BundleForeign(BundleError):
    """Something at the path is not an Orilla bundle."""


class BundleTooNew(BundleError):
    """The bundle's format version is later than this program reads."""


class ManifestInvalid(BundleError):
    """The manifest breaks the bundle format."""


class BundleTruncated(BundleError):
    """A file of the bundle is missing or cut short."""


class BundleDamaged(BundleError):
    """A file of the bundle differs from its digest, or the manifest does not list it."""


class BundleUnusable(BundleError):
    """The bundle is intact but its parts do not fit together."""


class BundleExists(BundleError):
    """Writing the bundle would overwrite something."""


class ProbesFailed(BundleError):
    """The encoder does not reproduce the bundle's probes on this machine."""


class ExtraMissing(OrillaError):
    """A command needs an optional set of packages."""


class TrackingFailed(OrillaError):
    """A store of figures cannot be opened or written."""


class Interrupted(OrillaError):
    """A signal ended the work between two steps; the message says how to go on.

    Attributes:
        exit_status: of the process, by the custom of shells.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number
