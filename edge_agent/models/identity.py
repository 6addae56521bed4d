"""The names by which answers, feedback and logs refer to a bundle, and answers to an intent head."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BundleIdentity:
    """The bundle that something was answered with; `digest` is the SHA-256 of its manifest."""

    name: str
    serial: int
    digest: str


@dataclass(frozen=True, slots=True)
class HeadIdentity:
    """The intent head that something was classified by.

    Attributes:
        digest: SHA-256 of its labels and weights, the same wherever the same head is.
        head_id: of a head of the branch's own; None where it is the bundle's.
        notice: why the bundle's answers though the branch has put one of its own to work; "" else.
    """

    digest: str
    head_id: str | None = None
    notice: str = ""
