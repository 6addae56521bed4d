"""Reads a TOML file into the pydantic model that describes it: what all recipes share."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from student.errors import OrillaError

Form = TypeVar("Form", bound=BaseModel)


def read_toml(path: Path, form: type[Form], what: str, refusal: type[OrillaError]) -> Form:
    """Reads a file of a form.

    Args:
        path: the file.
        form: what it must hold.
        what: what it is called in a refusal, such as `recipe`.
        refusal: raised when it cannot be read or breaks its form.
    """
    try:
        return form.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise refusal(f"{what} {path} cannot be used: {error}") from error
