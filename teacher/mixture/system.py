"""A teacher as a system to measure, beside the students that it labelled for (`student.evaluation`)."""

from pathlib import Path

from edge_agent.text import detect_language
from student.embeddings import Embeddings
from student.evaluation.evaluate import System
from teacher.mixture.teacher import Teacher
from teacher.roles import Role


def as_system(name: str, teacher: Teacher) -> System:
    """A teacher as a system: queries and messages stand in the role of queries, documents in that of passages.

    Where one of its encoders does not read every language, that of each text is detected. Its translations are not at
    hand, so nothing is pulled towards them.

    Args:
        name: in the report.
        teacher: with its reduction, such as `open_teacher_folder` opens.
    """
    is_limited = any(voice.settings.languages for voice in teacher.voices)

    def encode_as(texts: list[str], role: Role) -> Embeddings:
        return teacher.encode(texts, role, [detect_language(text) for text in texts] if is_limited else None)

    return System(
        name=name,
        encode=lambda texts: encode_as(texts, Role.QUERY),
        size_bytes=sum(_size_bytes(voice.settings.model) for voice in teacher.voices),
        embedding_space=teacher.own_space,
        encode_documents=lambda texts: encode_as(texts, Role.PASSAGE),
    )


def _size_bytes(model: str) -> int:
    """Of an encoder's weights; 0 of a server."""
    path = Path(model)
    files = path.rglob("*.safetensors") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
