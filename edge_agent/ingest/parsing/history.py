"""The history of a mail: what it quotes of earlier ones, and its signature, told from what it says itself.

Neither asks nor answers anything in the mail: a question that somebody asked earlier is not answered by a name below.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

_RULED = re.compile(
    r"\s*[-_]{2,}\s*(?:original message|mensaje original|mensagem original|message d'origine|forwarded message"
    r"|mensaje reenviado)\s*[-_]{2,}\s*",
    re.IGNORECASE,
)
_WROTE = re.compile(r"(?:On|El|Em|Le|Am)\s\S.{3,300}\s(?:wrote|escribió|escreveu|a écrit|schrieb.{0,80})\s?:\s*")
_FROM = re.compile(r"\s*\*?(?:From|De)\s?:\*?\s+\S.*", re.IGNORECASE)
_SENT = re.compile(r"\s*\*?(?:Sent|Enviado(?: el)?|Date|Fecha|To|Para)\s?:\*?\s+\S.*", re.IGNORECASE)
_FORWARDED = re.compile(r"\s*(?:fwd?|rv|reenv?|wg|enc|tr)\s?:", re.IGNORECASE)
_QUOTE = re.compile(r"\s{0,3}>")
_MAX_SIGNATURE_LINES = 10


@dataclass(frozen=True, slots=True)
class Body:
    """A plain body: what the mail says, its signature, and what it quotes below, each "" where there is none."""

    own: str
    signature: str = ""
    history: str = ""


def divide_body(text: str, *, subject: str) -> Body:
    """Divides a plain body. What a mail forwards is what it says; so is what it answers line by line."""
    lines = text.split("\n")
    start = len(lines) if _FORWARDED.match(subject) else _start(lines)
    own, history = lines[:start], lines[start:]
    if not any(line.strip() for line in own):
        own, history = lines, []
    mark = next((n for n in range(len(own) - 1, -1, -1) if own[n].rstrip() == "--"), len(own))
    if len(own) - mark - 1 > _MAX_SIGNATURE_LINES or not any(line.strip() for line in own[:mark]):
        mark = len(own)
    return Body("\n".join(own[:mark]), "\n".join(own[mark + 1 :]).strip(), "\n".join(map(_unquoted, history)).strip())


def opens_history(lines: list[str]) -> int | None:
    """The number of the line that opens what a mail quotes; None where none does."""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _RULED.fullmatch(line) or _WROTE.fullmatch(line) or (_FROM.fullmatch(line) and _SENT.fullmatch(following)):
            return number
        if line.startswith(("On ", "El ")) and _WROTE.fullmatch(f"{line} {following}"):
            return number
    return None


def is_forward(subject: str) -> bool:
    """Whether a mail passes on another, by its subject."""
    return _FORWARDED.match(subject) is not None


def _start(lines: list[str]) -> int:
    """The line at which the history starts: where one opens it, else where the quotation at the end begins."""
    quoted = [n for n, line in enumerate(lines) if _QUOTE.match(line)]
    opened = opens_history(lines)
    last = quoted[-1] if quoted else -1
    end = next((n for n in range(last + 1, len(lines)) if lines[n].rstrip() == "--"), len(lines))
    if quoted and any(line.strip() for line in lines[quoted[-1] + 1 : end]):
        return len(lines)  # it answers below what it quotes
    if opened is not None:
        return opened
    if not quoted:
        return len(lines)
    start = quoted[-1]
    for before, number in reversed(list(pairwise([-1, *quoted]))):
        start = number
        if any(line.strip() for line in lines[before + 1 : number]):
            break
    return start


def _unquoted(line: str) -> str:
    return line.lstrip("> ") if _QUOTE.match(line) else line
