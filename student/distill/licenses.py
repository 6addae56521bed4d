"""Licences as SPDX expressions: checked where they are given, joined where several apply, with the texts that go along.

A licence that nobody stated is `LicenseRef-unknown`: a valid expression that promises nothing.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator

from student.errors import OrillaError

UNKNOWN = "LicenseRef-unknown"
_SHARE_ALIKE = re.compile(r"(?:CC-BY(?:-NC)?-SA|GFDL|ODbL|CDLA-Sharing|[AL]?GPL)-", re.IGNORECASE)
_TEXTS = {"Apache-2.0": "apache-2.0.txt", "MIT": "mit.txt"}


class LicenseRefused(OrillaError, ValueError):
    """A licence is no SPDX expression."""


def spdx(expression: str) -> str:
    """An SPDX expression in its canonical form.

    Raises:
        LicenseRefused: it is none.
    """
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression as error:
        raise LicenseRefused(
            f"licence {expression!r} is no SPDX expression; expected one such as MIT, CC-BY-4.0 AND MIT, or "
            "LicenseRef-own for terms of your own (the list: spdx.org/licenses)"
        ) from error


SpdxExpression = Annotated[str, AfterValidator(spdx)]


def joined(expressions: Iterable[str]) -> str:
    """One expression of all that apply, each once; what is no SPDX expression becomes a reference of that name."""
    parts = dict.fromkeys(part for expression in expressions for part in _conjuncts(_valid(expression)))
    return " AND ".join(parts) or UNKNOWN


def identifiers(expression: str) -> list[str]:
    """The licences of an expression, each once."""
    words = re.split(r"[\s()]+|\bWITH\b\s+\S+", _valid(expression))
    return list(dict.fromkeys(word for word in words if word and word not in ("AND", "OR")))


def is_share_alike(expression: str) -> bool:
    """True if a licence of an expression asks that adapted texts be shared under the same licence."""
    return any(_SHARE_ALIKE.match(each) for each in identifiers(expression))


def license_texts(expression: str) -> str:
    """The texts of an expression's licences, where they are known, one below the other; Apache-2.0's is the first."""
    asked = sorted({"Apache-2.0", *identifiers(expression)})
    texts = [(files("student.distill") / _TEXTS[each]).read_text("utf-8") for each in asked if each in _TEXTS]
    return f"\n{'-' * 78}\n\n".join(texts)


def _valid(expression: str) -> str:
    try:
        return spdx(expression)
    except LicenseRefused:
        return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", expression).strip("-") or "unknown")


def _conjuncts(expression: str) -> list[str]:
    """The parts of an expression that all apply; a choice stays whole."""
    if "OR" in expression.split() or "(" in expression:
        return [f"({expression})"]
    return expression.split(" AND ")
