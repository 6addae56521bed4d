"""What the teacher's commands refuse, below `student.errors.OrillaError`.

OrillaError
└── TeacherError
    ├── CorpusRefused    a corpus recipe or one of its files cannot be used
    └── LabelsDiffer     a folder holds targets of another corpus or teacher
"""

from student.errors import OrillaError


class TeacherError(OrillaError):
    """A teacher's command refuses something."""


class CorpusRefused(TeacherError):
    """A corpus recipe, or a file that it names, cannot be used."""


class LabelsDiffer(TeacherError):
    """The folder holds the beginning of other targets."""
