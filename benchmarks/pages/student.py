"""The page on the student beside its teacher."""

from typing import Any

from student.evaluation.report import render_table


def render_distillation(result: dict[str, Any]) -> str:
    """Retrieval and intents, as figures and as shares of the teacher."""
    tasks = result["tasks"]
    spanish = result["share_of_teacher_language"]["bundle"]["guides es-es"]["nDCG@10"]
    return "\n".join(
        [
            "## The student beside its teacher",
            "",
            f"{tasks['guides en-en']['documents']} guides, "
            f"{tasks['paragraphs en-es']['documents']} paragraphs (in both languages), and messages that training has "
            "not seen: title → guide, paragraph → translation, question → section, and intents by logistic regression "
            "on the embeddings. Asymmetric searches the teacher's documents. In brackets, the share of the teacher's "
            "figure; the teacher, float32, reads English only. In Spanish the bundle keeps "
            f"{spanish:.1%} of the teacher's English (title → guide). Recall, macro-F1 and calibration, the student in "
            "float32, and plots are in [the evaluation](../evaluation/student.md):",
            "",
            render_table(result, ("nDCG@10", "accuracy", "out-of-scope AUROC")),
        ]
    )
