"""Settings files: recipes, policies and whatever else people write by hand, read in one way with one error text.

A file is TOML or JSON, by its suffix; its form is a pydantic model. A refusal names the file, the first field that is
wrong and what was expected there, and repeats nothing of what the file holds.
"""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from student.errors import OrillaError

Form = TypeVar("Form", bound=BaseModel)


def read_settings(path: Path, form: type[Form], what: str, refusal: type[OrillaError]) -> Form:
    """Reads a settings file.

    Args:
        path: `.toml`, else JSON.
        form: what it must hold.
        what: what it is called in a refusal, such as `recipe`.
        refusal: raised when it cannot be read or breaks its form.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refusal(f"{what} {path} cannot be read: {error.strerror}; name a file of that kind") from error
    try:
        if path.suffix == ".toml":
            return form.model_validate(tomllib.loads(content.decode("utf-8")))
        return form.model_validate_json(content)
    except ValidationError as error:
        raise refusal(f"{what} {path} is refused: {first_problem(error)}; correct the file") from error
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise refusal(f"{what} {path} is not {kind} in UTF-8; correct the file") from error


def make_settings(form: type[Form], what: str, refusal: type[OrillaError], **fields: Any) -> Form:
    """Settings from a command's options, refused as those of a file are."""
    try:
        return form(**fields)
    except ValidationError as error:
        raise refusal(f"{what} is refused: {first_problem(error)}; correct the command") from error


def first_problem(error: ValidationError) -> str:
    """The first of a model's complaints, in words; nothing of the value that it is about."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"{error.error_count()} problem(s), first in {where}: {first['msg']}"


def to_json(form: BaseModel) -> bytes:
    """The bytes of a settings file in JSON, as people like to read it."""
    return (form.model_dump_json(indent=2) + "\n").encode()
