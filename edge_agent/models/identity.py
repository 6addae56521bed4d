"""The name by which answers, feedback and logs refer to a bundle."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BundleIdentity:
    """The bundle that something was answered with; `digest` is the SHA-256 of its manifest."""

    name: str
    serial: int
    digest: str
