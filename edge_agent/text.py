"""Facts about a text that need no model: whether it may come in, its language, its words, its sentences.

Language is detected by the little words that every sentence has, by usual nouns of offices, and for titles by how
their words end: enough to prefer documents in the language of the question, in microseconds. Only Spanish and English
are detected.
Words are folded as SQLite's FTS5 tokenizer `unicode61 remove_diacritics 2` folds them.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.language_words import ENGLISH_WORDS, SHARED_WORDS, SPANISH_WORDS

Language = Literal["en", "es"]

MAX_TAG_CHARS = 50
MAX_TERMS = 32
OTHER_LANGUAGE_PENALTY = 0.15
"""What a passage or sentence in another language than the question's is set back by, in cosine; chosen on the
development half of the demo's questions."""

_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[a-záéíóúüñ]+")
_SPANISH_ENDING = re.compile(r"...[ao]s?$|...(?:ar|ir|ión|iones|dad|ente)$")
_ENGLISH_ENDING = re.compile(r".[bcfghjkmpqtvwxy]$|..(?:ing|ed|ts|ks|ps|ge|ve|ce|ght|tions?|ders?|ters?|ness|ies)$")
_SPANISH = frozenset(
    """el la los las un una unos unas de del al y o que en con por para sin sobre desde hasta como cómo cuando cuándo
    donde dónde cual cuál quien quién cuanto cuánto cuanta cuánta cuantos cuántos es son está estan están ser hay tiene
    tengo puedo puede pueden hacer se me te le lo nos les mi mis tu tus su sus no sí si ya muy más pero porque esto esta
    este ese esa q xq porfa hola gracias quiero necesito tarda cobran""".split()
)
_ENGLISH = frozenset(
    """the a an of to and or that in on with by for without from until as how when where which who what why is are was
    be been there has have had can could do does did i you he she it we they my your his her its our their me not no yes
    if but because this these those will would should please hi hello thanks want need long much many""".split()
)
_SPANISH_ONLY = (_SPANISH | SPANISH_WORDS) - SHARED_WORDS
_ENGLISH_ONLY = (_ENGLISH | ENGLISH_WORDS) - SHARED_WORDS
_ABBREVIATIONS = frozenset(
    """sr sra srta dr dra ud uds vd vds p.ej ej pág págs núm núms nº art arts av avda c/ etc aprox tel tels tlf telf
    tfno teléf mr mrs ms mx prof st vs e.g i.e inc ltd no nos fig figs approx dept est jr ext exts ref exp apdo ctra
    pza plza dpto depto dto admón cía edif urb esc mod cód gral pp párr párrs""".split()
)
_MONTHS = (
    "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|january|february|march|april|may|june|july|august|september|october|november|december"
)
_ENDING_ABBREVIATIONS = frozenset(
    """para paras sec sect vol vols cap caps int rd ave blvd bldg rm izda dcha pta max min máx mín hrs km
    jan feb apr aug sept oct nov dec ene abr ago dic""".split()
)
"""Abbreviations that end sentences too: what follows belongs to them where it is a number."""
_UNITS = frozenset("h m g l s".split())
_VERSION = re.compile(
    r"(?<![^\W_])(?:19|20)\d\d(?:[-/._]\d{1,2}){0,2}(?![^\W_])|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b"
    rf"|\b(?:\d{{1,2}}\s+(?:de\s+)?)?(?:{_MONTHS})\b"
    r"|\b(?:version|versiones|ver|rev|revision|edicion|edition|ed|v)\b\.?\s*\d*(?:\.\d+)*|\bv\d+(?:\.\d+)*\b"
    r"|\b(?:vigente|vigencia|nuevo|nueva|new|old|antiguo|antigua|anterior|previous|actual|actualizado|actualizada"
    r"|updated|current|final|draft|borrador|copia|copy)\b"
)
"""Marks of a version in a title, folded."""
_CODE = re.compile(r"\w+(?:[-_./]\w+)*")
_SPACED_CODE = re.compile(r"\b[A-ZÑ]{1,6} \d{1,5}\b")  # `ERR 101`
_CODE_BEFORE, _CODE_AFTER = re.compile(r"\w$|\w[-_./]$"), re.compile(r"\w|[-_./]\w")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'»”’)\]]*+(?=\s)|\n+")
_LAST_WORD = re.compile(r"(\S+?)[.]$")
_NEXT = re.compile(r"\s*+(\S)")
_LIST_NUMBER = re.compile(r"\s*+\d{1,3}[.)]")
_LONGEST_WORD = 40  # looked at before a full stop, so that the time stays linear
_LONGEST_BRACKET = 200  # looked at on either side, for the same reason
_SHORT_WORD = 4


def checked(value: str, name: str, *, max_chars: int) -> str:
    """A text from outside, stripped.

    Raises:
        InputInvalid: empty, or with characters that no text has. ContentTooLarge: too long.
    """
    value = value.strip()
    if not value:
        raise InputInvalid(f"{name} is empty; expected some text")
    if len(value) > max_chars:
        raise ContentTooLarge(f"{name} has {len(value)} characters, at most {max_chars} are accepted; shorten it")
    require_text(value, name)
    return value


def checked_source(value: str) -> str:
    """A source from outside, stripped, in NFC; it names a document and is never a path that is opened.

    Raises:
        InputInvalid: empty, or with characters that no name has. ContentTooLarge: too long.
    """
    value = unicodedata.normalize("NFC", checked(value, "source", max_chars=500))
    if any(unicodedata.category(c) == "Cc" for c in value):
        raise InputInvalid("source holds control characters; expected a name or a relative path")
    return value


def require_text(value: str, name: str) -> None:
    """Raises `InputInvalid` for what no text holds."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputInvalid(f"{name} holds NUL or lone surrogate characters; expected Unicode text")


def detect_language(text: str) -> Language | None:
    """`es` or `en` by whose words are more, or endings when those are as many; None when these are too."""
    words = _LETTERS.findall(text.lower())
    spanish = sum(word in _SPANISH_ONLY for word in words) + sum(c in "ñ¿¡áéíóú" for c in text.lower())
    english = sum(word in _ENGLISH_ONLY for word in words)
    if spanish == english and len(words) > 1:
        spanish = sum(bool(_SPANISH_ENDING.search(word)) for word in words)
        english = sum(bool(_ENGLISH_ENDING.search(word)) for word in words)
    if spanish == english:
        return None
    return "es" if spanish > english else "en"


def fold(text: str) -> str:
    """Lower case without accents: what `unicode61 remove_diacritics 2` compares."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_STOP_WORDS = frozenset(fold(word) for word in _SPANISH | _ENGLISH)


def content_terms(text: str, limit: int | None = MAX_TERMS) -> list[str]:
    """The words of a text that are not little ones, each once, at most `limit`; all words when all are little."""
    words = list(dict.fromkeys(_WORD.findall(fold(text))))
    content = [word for word in words if word not in _STOP_WORDS]
    return (content or words)[:limit]


def content_words(text: str) -> list[tuple[int, int]]:
    """The spans of a text's content words, (start, end) in code points; repeated ones each time."""
    terms = set(content_terms(text))
    return [match.span() for match in _WORD.finditer(text) if fold(match[0]) in terms]


def codes(text: str) -> list[str]:
    """The codes of a text, each once, in lower case: error and product codes, versions, long numbers.

    They are names: one that differs in a figure is another thing, however alike the two look to an encoder.
    """
    found = [match[0].lower() for match in (*_CODE.finditer(text), *_SPACED_CODE.finditer(text))]
    return list(dict.fromkeys(code for code in found if _is_code(code)))


def holds_code(text: str, code: str) -> bool:
    """Whether a text holds a code as a whole: `4.2.1` is not in `4.2.10`, nor in `4.2.1.7`."""
    text, place = text.lower(), -1
    while (place := text.find(code, place + 1)) >= 0:
        if not _CODE_BEFORE.search(text[max(0, place - 2) : place]) and not _CODE_AFTER.match(text, place + len(code)):
            return True
    return False


def _is_code(word: str) -> bool:
    digits, letters = sum(c.isdigit() for c in word), sum(c.isalpha() for c in word)
    return digits > 0 and (letters > 0 or digits > 3 or len(re.findall(r"[-_./]", word)) > 1)


def without_version(title: str) -> str:
    """The subject of a title: its words, folded, without dates, `v2` and what else tells versions apart.

    Other figures stay: Annex 1 and Annex 2 are two subjects.
    """
    return " ".join(_WORD.findall(_VERSION.sub(" ", fold(title))))


def longest_run(text: str, other: str) -> int:
    """How many words of a text stand in a row in another, folded, wherever they do."""
    words, others = _WORD.findall(fold(text)), _WORD.findall(fold(other))
    return SequenceMatcher(None, words, others, autojunk=False).find_longest_match().size


def split_sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Offsets of the sentences of `text[start:end]`, in order, without surrounding space.

    A line break always ends a sentence; nothing else does between brackets. A full stop does not after an
    abbreviation, an initial, a list number, or before a lower-case letter, nor between a short word and its number.
    """
    end = len(text) if end is None else end
    cuts = [start, *(m.end() for m in _SENTENCE_END.finditer(text, start, end) if _is_end(text, start, m)), end]
    spans = (_strip(text, first, last) for first, last in pairwise(cuts))
    return [(first, last) for first, last in spans if first < last]


def split_units(text: str) -> list[tuple[int, int]]:
    """Offsets of what can be quoted alone, in order: sentences, a question together with the sentence after it."""
    units: list[tuple[int, int]] = []
    is_asking = False
    for start, end in split_sentences(text):
        if is_asking:
            units[-1] = (units[-1][0], end)
        else:
            units.append((start, end))
        is_asking = text[start:end].rstrip("\"'»”’)]").endswith("?")
    return units


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    if "\n" in match[0]:
        return True
    return not _is_in_brackets(text, start, match) and (match[0][0] in "!?…" or _is_full_stop(text, start, match))


def _is_full_stop(text: str, start: int, match: re.Match[str]) -> bool:
    following = _NEXT.match(text, match.end())
    near = max(start, match.start() - _LONGEST_WORD)
    line_start = max(near, text.rfind("\n", near, match.start()) + 1)
    before = _LAST_WORD.search(text[line_start : match.start() + 1])
    word = before[1].lower().lstrip('(«"¿¡') if before else ""
    if following and (following[1].islower() or (following[1].isdigit() and _leads_to_number(text, match, before))):
        return False
    is_amount = word in _UNITS and text[line_start : match.start() - len(word)].rstrip()[-1:].isdigit()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and not is_amount):
        return False
    return not (word.isdigit() and text[line_start : match.start()].strip() == word)


def _leads_to_number(text: str, match: re.Match[str], before: re.Match[str] | None) -> bool:
    """Whether a word with a stop belongs to the number behind it, as `para. 4`: a known one, or any short one."""
    word = before[1] if before else ""
    if word.lower() in _ENDING_ABBREVIATIONS:
        return True
    is_short = word.isalpha() and word.islower() and len(word) <= _SHORT_WORD
    return is_short and not _LIST_NUMBER.match(text, match.end())


def _is_in_brackets(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a stop stands between brackets that open and close near it, on one line."""
    near = max(start, match.start() - _LONGEST_BRACKET)
    for opening, closing in ("()", "[]"):
        opened = text.rfind(opening, near, match.start())
        if opened < 0 or max(text.rfind(closing, opened, match.end()), text.find("\n", opened, match.start())) >= 0:
            continue
        closed = text.find(closing, match.end(), match.end() + _LONGEST_BRACKET)
        if closed >= 0 and text.find("\n", match.end(), closed) < 0 and text.find(opening, match.end(), closed) < 0:
            return True
    return False


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
