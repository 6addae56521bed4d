"""Errors of the teacher's commands, below `student.errors.OrillaError`.

OrillaError
├── DataRefused (student.artifacts.json_lines)   a recipe or one of its files cannot be used
└── TeacherError
    ├── WeightsUnreadable   a package's weights are not what the converter expects
    ├── TeacherRefused      its encoders do not go together
    ├── LabelsDiffer        a folder holds something else than targets, or those of another space
    ├── EncoderRefused      an encoder cannot be a teacher, or stopped being one
    ├── TrainingRefused     a run cannot be continued, or its recipe does not fit its data
    ├── AbsorptionRefused   a release may not be absorbed, or would make the teacher worse
    ├── TooLittleToLearn    own documents are too few to train on and to measure with
    ├── NotBetter           a student of own documents finds them no better than the one that it began as
    └── LineageBroken       an artefact names another that is not what it says
"""

from student.errors import OrillaError


class TeacherError(OrillaError):
    """A teacher's command refuses something."""


class WeightsUnreadable(TeacherError):
    """The file is not the one that the converter was written for."""


class TeacherRefused(TeacherError):
    """The encoders of a teacher do not go together."""


class LabelsDiffer(TeacherError):
    """Targets cannot be written to, or made of, what a folder holds."""


class EncoderRefused(TeacherError):
    """An encoder cannot be opened, does not do what a teacher must, or does not answer any more."""


class TrainingRefused(TeacherError):
    """A training of a teacher cannot begin or be continued."""


class AbsorptionRefused(TeacherError):
    """A release is not absorbed; the teacher stays as it was."""


class TooLittleToLearn(TeacherError):
    """Own documents ask too few questions to measure a student of them."""


class NotBetter(TeacherError):
    """A student of own documents is no better than the one that it began as; no bundle was written."""


class LineageBroken(TeacherError):
    """An artefact differs from the digest that another names it by."""
