"""The intent head at work: the branch's own where it reads the bundle's embedding space, else the bundle's."""

import logging
from dataclasses import dataclass

from edge_agent.intents.own_heads import OwnHeads
from edge_agent.models.identity import HeadIdentity
from student.bundle.head_folder import head_digest
from student.bundle.linear_head import INTENT, LinearHead
from student.errors import BundleError
from student.runtime.student import Student

log = logging.getLogger(__name__)

_OTHER_SPACE = (
    "the branch's own intent head reads another embedding space than the bundle that is served, whose own head answers "
    "instead; make yours again of its examples (POST /v1/intents), or serve the former bundle"
)
_DAMAGED = (
    "the branch's own intent head is not as it was written, so the bundle's answers instead; make yours again of its "
    "examples (POST /v1/intents)"
)


@dataclass(frozen=True, slots=True)
class HeadAtWork:
    """An intent head and the name that it goes by."""

    head: LinearHead
    identity: HeadIdentity


def choose_head(student: Student, own_heads: OwnHeads) -> HeadAtWork | None:
    """The head to classify by; None where there is none at all."""
    notice = ""
    if own_heads.put_to_work:
        head_id = own_heads.put_to_work[-1]
        try:
            own = own_heads.read(head_id)
        except BundleError as error:
            log.error("%s", error)
            notice = _DAMAGED
        else:
            if own.embedding_space == student.bundle.manifest.embedding_space:
                return HeadAtWork(own.head, HeadIdentity(own.digest, head_id))
            notice = _OTHER_SPACE
    if notice:
        log.warning("%s", notice)
    head = student.heads.get(INTENT)
    return HeadAtWork(head, HeadIdentity(head_digest(head), notice=notice)) if head else None
