"""The recipe of a bundle: its name, the data of its heads, and what it is compared on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """Settings of an export.

    Attributes:
        name, serial: the bundle's own.
        intents: JSON lines of labelled texts for the intent head, and where they come from.
        license: of the bundle's own parts, the intent head among them; an SPDX expression.
        messages: JSON lines of labelled messages of users, to measure the intent head on; or None.
        out_of_scope: JSON lines of texts of no intent, to measure; or None.
        passages: Markdown files or folders; their paragraphs are compared too, besides the labelled texts.
        targets: of a teacher with an intent head, whose soft labels the head is trained on too; or None.
        query_adapter: file of the teacher's, from which the bundle's is distilled on `targets`; or None.
        seed: of the split of the labelled texts.
    """

    name: str
    serial: int
    intents: Path
    intents_name: str
    intents_license: str
    out_of_scope: Path | None
    passages: tuple[Path, ...]
    targets: Path | None = None
    query_adapter: Path | None = None
    messages: Path | None = None
    license: str = "Apache-2.0"
    seed: int = 0
