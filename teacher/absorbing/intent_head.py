"""The teacher's intent head learns what branches taught the student's: new labels, and new bounds between old ones."""

from dataclasses import dataclass
from pathlib import Path

from student.distill.heads.intent_head import read_labelled
from student.distill.pretrained import intent_head_files
from student.embeddings import Embeddings
from teacher.absorbing.gates import to_figures
from teacher.absorbing.part import Absorbed, AbsorptionInputs, Sources
from teacher.absorbing.soft_labels import PublicTexts, learn, make_soft_labels
from teacher.encoders.encoder import EncodeInRole
from teacher.mixture.learner import Learner
from teacher.roles import Role
from teacher.training.recipe import Absorption
from teacher.training.training_data import split_messages


@dataclass(frozen=True, slots=True)
class AbsorbedIntentHead:
    """Releases of the intent head, as the teacher learns from them (`teacher.absorbing.part.AbsorbedPart`)."""

    name: str = "head"
    own_role: str = "intents"

    def own_data(self, sources: Sources) -> Path | None:
        """The center's own labelled texts."""
        return sources.labelled

    def absorb(self, teacher: Learner, inputs: AbsorptionInputs, recipe: Absorption, encode: EncodeInRole) -> Absorbed:
        """The files of the new intent head, and its figures."""
        own = read_labelled(inputs.own)
        parts = split_messages(own, validation=recipe.validation_share, test=recipe.test_share, seed=recipe.seed)
        texts = PublicTexts(inputs.targets, recipe.texts, parts["train"].texts)

        languages = dict(zip(own.texts, own.languages, strict=True))

        def ask(texts: list[str]) -> Embeddings:
            """Messages, which are asked and never asked for, and names of labels, of no language that is known."""
            return encode(texts, Role.QUERY, [languages.get(text, "") for text in texts])

        soft = make_soft_labels(inputs.released.learned, inputs.bundle, texts, ask)
        learned = learn(teacher.intent_head, parts, soft, recipe, ask)
        of_bundle = [label for head in inputs.bundle.manifest.heads.values() for label in head.labels]
        known = set(teacher.intent_head.labels if teacher.intent_head else of_bundle)
        figures = {
            "new_labels": sorted(set(learned.head.labels) - known),
            "public_texts": len(soft.logits),
            "regularization": learned.regularization,
            "agrees_with_student": round(learned.agreement, 4),
            "gates": to_figures(learned.gates),
        }
        return Absorbed(intent_head_files(learned.head), figures)


ABSORBED_INTENT_HEAD = AbsorbedIntentHead()
