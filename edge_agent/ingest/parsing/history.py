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
_CLOSINGS = frozenset(
    """saludo saludos abrazo abrazos atentamente atte cordialmente gracias regards wishes best sincerely faithfully
    truly cheers thanks thank""".split()
)
_CLOSING_WORDS = _CLOSINGS | frozenset(
    """un una muy muchas mil y a de todos todas recibe reciba reciban cordial cordiales afectuoso afectuosos atento
    atentos fuerte antemano kind kindest warm warmest many yours with and all the you very much in advance""".split()
)
_MAX_CLOSING_CHARS, _MAX_NAME_WORDS = 60, 4
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
    closing = opens_signature(own[:mark])
    start = mark if closing is None else closing
    signature = "\n".join([*own[start:mark], *own[mark + 1 :]]).strip()
    return Body("\n".join(own[:start]), signature, "\n".join(map(_unquoted, history)).strip())


def opens_history(lines: list[str]) -> int | None:
    """The number of the line that opens what a mail quotes; None where none does."""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _RULED.fullmatch(line) or _WROTE.fullmatch(line) or (_FROM.fullmatch(line) and _SENT.fullmatch(following)):
            return number
        if line.startswith(("On ", "El ")) and _WROTE.fullmatch(f"{line} {following}"):
            return number
    return None


def opens_signature(lines: list[str]) -> int | None:
    """The number of the line that closes what a mail says, as `Best regards,` above a name; None where none does.

    Few lines stand below it: first one that may be a name, and no question that others might answer.
    """
    filled = [n for n, line in enumerate(lines) if line.strip()]
    start, below = None, ""
    for number in reversed(filled[-_MAX_SIGNATURE_LINES - 1 :]):
        if _is_closing(lines[number]):
            start = number
        elif start is not None:
            break
        else:
            below = lines[number].strip()
    is_asked = start is not None and any(lines[n].rstrip().endswith("?") for n in filled[:-1] if n > start)
    return None if start is None or start == filled[0] or is_asked or not _may_sign(below) else start


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


def _is_closing(line: str) -> bool:
    words = line.strip().rstrip(",.!").lower().split() if len(line) <= _MAX_CLOSING_CHARS else []
    return not _CLOSINGS.isdisjoint(words) and _CLOSING_WORDS.issuperset(words)


def _may_sign(line: str) -> bool:
    is_sentence = line.endswith((".", "!")) and len(line.split()) > _MAX_NAME_WORDS
    return len(line) <= _MAX_CLOSING_CHARS and not line.endswith((":", ";")) and not is_sentence


def _unquoted(line: str) -> str:
    return line.lstrip("> ") if _QUOTE.match(line) else line
