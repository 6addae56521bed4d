"""A part that the product does not know, a head that names how urgent a ticket is: this file and its registration.

It is one more linear head over the same features, stored under another name in the bundle. What is its own is where its
labels come from: the column `priority` of a branch's tickets, and of the center's validation file.
"""

from federation.learning.examples import LabelledText
from federation.learning.intent_head import LinearHeadPart
from federation.learning.part import BranchData


def read_priorities(data: BranchData) -> list[LabelledText]:
    """The branch's tickets that have a priority."""
    return data.tickets(label="priority")


PRIORITY_HEAD = LinearHeadPart(
    name="priority",
    title="priority head",
    head="priority",
    read_labelled=read_priorities,
    label_column="priority",
)
