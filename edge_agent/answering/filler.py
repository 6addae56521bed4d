"""Filler: lines of a document that answer nothing, in Spanish and English.

Pointers elsewhere, lists of links, navigation, rests of mark-up, questions that nothing answers.
Deciding code: no I/O. Links lose their address when a document is read, so these are told by how they are written
and by the headings above them.
"""

import re

from edge_agent.answering.sections import ITEM
from edge_agent.storage.records import HEADING_GAP, Passage, PassageKind
from edge_agent.text import split_sentences

_MAX_POINTER_CHARS = 240
_POINTER = re.compile(
    r"""(?:[-•*]\s|note:\s|nota:\s|tip:\s|sugerencia:\s)?(?:
      (?:for|to\ (?:get|find|read|see))\ (?:more|further|additional)\ (?:info\w*|details?|help|background)\b
    | (?:to\ )?learn\ more\b | find\ out\ more\b
    | (?:more|further|additional)\ (?:information|details)\b
    | (?:para|si)\ [^.:]{0,60}\b(?:m[aá]s|mayor)\ (?:informaci[oó]n|detalles|ayuda)\b
    | (?:encontrar[aá]\ |obtenga\ |hay\ |puede\ (?:ver|obtener)\ )?m[aá]s\ (?:informaci[oó]n|detalles)\b
    | (?:please\ )?(?:see|refer\ to|check\ out|read|visit|review)\ (?:also\b|below|above|here|our\b
        |(?:the|this)\ (?:\w+\ )?
        (?:articles?|sections?|topics?|guides?|pages?|docs|documentation|list|table|following|links?|tutorials?
        |steps)\b)
    | (?:please\ )?(?:see|refer\ to|check\ out)\ (?:["“«]|(?-i:[A-Z]))
    | (?:por\ favor,?\ )?(?:vea|v[eé]ase|ver|consulte|lea|visite|revise|cons[uú]ltese)\ (?:tambi[eé]n\b|(?:m[aá]s\ )?
        (?:abajo|arriba|adelante)|aqu[ií]|a\ continuaci[oó]n|nuestr[ao]s?\b
        |(?:el|la|los|las|este|esta)\ (?:siguientes?\ )?
        (?:art[ií]culos?|secci[oó]n|secciones|temas?|gu[ií]as?|p[aá]ginas?|documentaci[oó]n|lista|tabla|siguientes?
        |enlaces?|v[ií]nculos?|tutoriales|pasos)\b)
    | (?:vea|v[eé]ase|consulte)\ (?:["“«]|(?-i:[A-Z]))
    | (?:find|click|encuentre|haga\ clic|pulse)\b[^.]{0,120}\b(?:here|aqu[ií])\.?$
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_REACHES = re.compile(r"\d{3}[\d .\-]{2,}|\S@\S|\b(?:call|phone|email|ll[aá]m\w+|tel[eé]fono|correo)\b", re.IGNORECASE)
_NAVIGATION = re.compile(
    r"""(?:home|inicio|docs?|help|ayuda|support|soporte)\s*[>›»/].*
    | (?:skip|jump)\ to\ .{0,30}content | (?:saltar|ir)\ al\ contenido.* | (?:back\ to|return\ to)\ top
    | volver\ (?:arriba|al\ inicio)
    | (?:previous|next|anterior|siguiente)(?:\ (?:page|article|step|p[aá]gina|art[ií]culo|paso))?
    | (?:table\ of\ )?contents | (?:tabla\ de\ )?contenidos? | [ií]ndice | (?:on|in)\ this\ (?:page|article)
    | en\ est[ea]\ (?:p[aá]gina|art[ií]culo) | (?:was|is)\ this\ (?:page|article|information)\ helpful.*
    | ¿?(?:te|le)\ ha\ (?:resultado|sido)\ [uú]til.* | share | print | compartir | imprimir
    | edit\ this\ page.* | editar\ esta\ p[aá]gina.*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKUP = re.compile(r"\[!\w[^\n]*|:{3}[^\n]*|[|\s:=_*~-]+|</?\w[^<>\n]*>|!?\[[^\]]*\]\([^)]*\)|https?://\S+")
_LEADING_LINKS = re.compile(
    r"""see\ also | related(?:\ \w+)? | (?:next|further)\ (?:steps?|reading) | more\ (?:information|resources|help)
    | (?:additional|other|useful)\ (?:resources|information|links|reading) | learn\ more | references
    | (?:vea|v[eé]ase|ver|consulte)\ tambi[eé]n | \w+\ relacionad[ao]s?
    | pasos\ siguientes | siguientes\ pasos | pr[oó]ximos\ pasos
    | m[aá]s\ (?:informaci[oó]n|recursos|ayuda)
    | (?:otros\ )?(?:recursos|enlaces|v[ií]nculos)(?:\ (?:adicionales|[uú]tiles))?
    | referencias | (?:table\ of\ )?contents | (?:on|in)\ this\ (?:page|article)
    | en\ est[ea]\ (?:p[aá]gina|art[ií]culo)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SENTENCE_ENDS = (".", "!", "…", ".)", '."', ".”", ".»")


def is_filler(text: str, passage: Passage, start: int | None = None) -> bool:
    """Whether a unit answers nothing by itself.

    Args:
        text: of the unit, with or without the mark of a list before it.
        passage: that it stands in; under a heading such as "See also", what is no sentence is a link.
        start: of the unit in the document's text, where known: an item below "For more information, see:" is a link.
    """
    if passage.kind in (PassageKind.TABLE_ROW, PassageKind.CODE):
        return False
    said = text.strip()
    bare = ITEM.sub("", said, count=1)
    if _MARKUP.fullmatch(bare) or _NAVIGATION.fullmatch(bare) or bare.rstrip("\"'»”’)").endswith("?"):
        return True
    if _leads_to_links(passage) and not said.endswith(_SENTENCE_ENDS):
        return True
    is_whole_answer = passage.kind is PassageKind.QUESTION_ANSWER and said == passage.text.strip()
    if points_elsewhere(bare):
        return not is_whole_answer
    return start is not None and bare != said and _is_below_pointer(passage, start)


def _is_below_pointer(passage: Passage, start: int) -> bool:
    """Whether an item's list follows a line that points elsewhere."""
    lines = passage.text[: max(0, start - passage.start)].split("\n")
    leading = next((line for line in reversed(lines) if line.strip() and not ITEM.match(line)), "")
    last = split_sentences(leading)[-1:]
    return leading.rstrip().endswith(":") and any(points_elsewhere(leading[a:b]) for a, b in last)


def points_elsewhere(text: str) -> bool:
    """Whether a sentence says no more than where to read on; one that holds a telephone or an address says more."""
    found = _POINTER.match(text)
    return bool(found) and len(text) <= _MAX_POINTER_CHARS and not _REACHES.search(text)


def _leads_to_links(passage: Passage) -> bool:
    heading = passage.heading.rsplit(HEADING_GAP, 1)[-1] or ""
    return bool(_LEADING_LINKS.fullmatch(heading.strip(" .:…")))
