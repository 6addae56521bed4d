"""Keys and passwords: JWT, keys of known vendors, private keys, and what follows a word such as password or token."""

import re
from collections.abc import Iterator

from student.masking.network import looks_random
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_JWT = re.compile(r"(?<![\w.-])eyJ[\w-]{8,4000}\.[\w-]{4,8000}(?:\.[\w-]{0,2000})?")
_VENDORS = r"""
(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}
gh[pousr]_\w{30,255} github_pat_\w{22,255} gl(?:pat|ptt|dt|rt|cbt|ft)-[\w-]{20,64}
sk-(?:proj-|ant-|svcacct-|or-v1-)?[\w-]{20,200} (?:gsk_|pplx-|r8_|hf_|secret_|ntn_)[A-Za-z0-9]{20,80}
(?:sk|pk|rk)_(?:live|test)_\w{10,200} whsec_\w{16,100} sq0(?:atp|csp|idp)-[\w-]{22,64}
shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32} APP_USR-[\w-]{20,100} TEST-\d{10,20}-\d{6}-[a-f0-9]{32}-\d+
access_token\$\w+\$[a-z0-9]{16}\$[a-f0-9]{32}
xox[abeoprs]-[\w-]{10,250} xapp-[\w-]{10,250} (?:AC|SK)[a-f0-9]{32} key-[a-f0-9]{32} xkeysib-[a-f0-9]{64}-\w{16}
SG\.[\w-]{16,64}\.[\w-]{16,128} \d{8,10}:AA[\w-]{32,36} EAA[A-Za-z0-9]{30,300}
AIza[\w-]{35} ya29\.[\w-]{20,300} GOCSPX-[\w-]{20,64} amzn\.mws\.[a-f0-9-]{36}
npm_[A-Za-z0-9]{36} pypi-[\w-]{16,255} rubygems_[a-f0-9]{48} do[opr]_v1_[a-f0-9]{64} dapi[a-f0-9]{32} hvs\.[\w-]{20,200}
dp\.(?:pt|st)\.[\w-]{30,64} lin_api_\w{30,64} sntrys_[\w=+/-]{30,300} tfp_\w{30,64} vercel_\w{20,64} figd_[\w-]{30,64}
PMAK-[a-f0-9]{24}-[a-f0-9]{34} NRAK-[A-Z0-9]{27} pat[A-Za-z0-9]{14}\.[a-f0-9]{64} orilla_[\w-]{20,100}
"""
"""Keys that say by how they begin whose they are: of clouds, code, models, payment, messages, packages."""
_VENDOR = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(_VENDORS.split())})(?![A-Za-z0-9])")
_NAME = r"[A-Z ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----"
_BODY = r"(?:[\sA-Za-z0-9+/=:,.]|-(?!----)){0,20000}+"
_PRIVATE_KEY = re.compile(rf"-----BEGIN {_NAME}{_BODY}(?:-----END {_NAME})?")
_SSH_KEY = re.compile(
    r"(?<!\w)(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w{1,16}) AAAA[A-Za-z0-9+/=]{40,4000}(?: [\w.@-]{1,80})?"
)
_BEARER = re.compile(r"(?<!\w)(?:bearer|basic)[ ]+(?P<value>[A-Za-z0-9._~+/=-]{12,4000})", re.IGNORECASE)
_AZURE = re.compile(r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=(?P<value>[A-Za-z0-9+/=%&.-]{16,500})")
_CANDIDATE = re.compile(r"(?<![\w+/.?&-])[A-Za-z0-9_+/-]{24,512}={0,2}(?![\w+/=.-]{0,1}[\w+/=-])")
_LINK_CHARS = 300
_LINK = r"(?:[ ]?(?:[:=]|=>|->|—)[ ]?|[ ](?:es|is|era|was|sera|siguiente|actual|de acceso)[ ]?[:=]?[ ]?)"
_OWNERS = """de del of for para to al en la the my mi su your acceso usuario user cuenta account wifi wi-fi correo email
app banca online movil web banco actual nueva new temporal temporary provisional maestra master root admin is es portal
router tarjeta"""
_OWNER = rf"(?:[ ](?:{'|'.join(_OWNERS.split())})){{0,5}}"
_WORDS = """contrasenas? password passwords passwd passphrase pwd claves? psw pswd senha passwort credenciales pass
secret contra"""
_PASSWORD_WORD = rf"(?<![a-z])(?:{'|'.join(_WORDS.split())}|palabra clave|mot de passe)"
_PASSWORD = re.compile(
    rf"{_PASSWORD_WORD}{_OWNER}(?P<link>{_LINK})(?P<quote>[\"'`]?)(?P<value>[^\s\"'`<>;]{{3,128}})(?P=quote)"
)
_QUOTED = re.compile(
    r"(?<![a-z])(?:contrasena|password|passwd|passphrase|pwd|clave|secret)(?:[ ][a-z]{1,12}){0,4}[ ]"
    r"(?P<value>\"[^\s\"]{4,64}\"|'[^\s']{4,64}'|`[^\s`]{4,64}`|[\[(][^\s()\[\]]{6,64}[\])])"
)
_BARE = re.compile(
    r"(?<![a-z])(?:contrasena|password|passwd|pwd|clave|pass)[ ](?P<value>(?=[^\s]{0,40}\d)[^\s\"'`<>]{6,64})"
)
_KEYS = (
    "api[ _-]?keys?|apikey|clave (?:de )?(?:la )?api|access[ _-]?key(?:[ _-]?id)?|secret[ _-]?(?:access[ _-]?)?key"
    "|client[ _-]?secret|(?:access|auth|refresh|session|bearer|id|security|personal access|api)?[ _-]?token|secret"
    "|clave secreta|license key|cookie|authorization|x-api-key|private[ _-]?key|subscription key|account key"
    "|encryption key|token de acceso|clave privada|clave de acceso|llave|aws_[a-z]{3,20}(?:_[a-z]{2,10}){0,2}"
)
_KEY_WORD = re.compile(
    rf"(?<![a-z])(?:{_KEYS})(?:[ ][a-z]{{2,10}}){{0,3}}?[\"']?[ ]?[:= ][ ]?(?:[\"']|bearer |es |is )?"
    r"(?P<value>[a-z0-9_+/=.~$!-]{8,4000})"
)
_ORDINARY = frozenset(
    """required obligatoria obligatorio opcional optional incorrecta incorrecto correcta incorrect correct invalid valid
    valida invalida wrong not no muy la el un una a the too expired caducada caduca expirada necesaria needed case
    sensible sensitive hidden oculta temporal temporary weak strong debil fuerte segura secure safe none null true
    false empty vacia your su tu mi my enter introduzca introduce escriba type and or y o if si for para only solo must
    debe minimum minimo at al reset changed cambiada olvidada forgotten protected protegida personal unica unique
    diferente different same misma important importante stored set reset-password not-set n/a blocked bloqueada lost
    perdida secreta secret confidencial confidential that que this esta usuario username user siempre always never
    nunca one text string varchar now ahora distinta erronea encrypted cifrada also tambien in en on de del of as
    como""".split()
)


def find_credentials(plain: PlainText) -> Iterator[Span]:
    """The keys and passwords of a text."""
    if "eyJ" in plain.chars:
        yield from (Span(m.start(), m.end(), Kind.JWT, "jwt", m[0]) for m in _JWT.finditer(plain.chars))
    for pattern, reason in ((_VENDOR, "key of a vendor"), (_SSH_KEY, "ssh key")):
        yield from (Span(m.start(), m.end(), Kind.API_KEY, reason, m[0]) for m in pattern.finditer(plain.chars))
    if "-----BEGIN" in plain.chars:
        yield from (Span(m.start(), m.end(), Kind.API_KEY, "private key") for m in _PRIVATE_KEY.finditer(plain.chars))
    for pattern in (_BEARER, _AZURE):
        for match in pattern.finditer(plain.chars):
            if any(map(str.isdigit, match["value"])):
                yield Span(*match.span("value"), Kind.API_KEY, "after its word", match["value"])
    yield from _random_ones(plain)
    yield from _after_words(plain)


def _random_ones(plain: PlainText) -> Iterator[Span]:
    for match in _CANDIDATE.finditer(plain.chars):
        if match[0].count("/") < 4 and looks_random(match[0]) and not _is_in_link(plain.chars, match.start()):
            yield Span(match.start(), match.end(), Kind.API_KEY, RANDOM, match[0])


def _is_in_link(chars: str, start: int) -> bool:
    """Whether a place is in a link, of which `network` says whether it opens something."""
    words = chars[max(0, start - _LINK_CHARS) : start].split(" ")
    return "://" in words[-1] or "www." in words[-1]


RANDOM = "looks random"
"""The reason of what is taken for a key by its characters alone; a pseudonym may look so too."""


def _after_words(plain: PlainText) -> Iterator[Span]:
    for match in _KEY_WORD.finditer(plain.lower):
        value = plain.chars[match.start("value") : match.end("value")].rstrip(".!")
        if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
            start = match.start("value")
            yield Span(start, start + len(value), Kind.API_KEY, "after its word", value)
    for match in _PASSWORD.finditer(plain.lower):
        if _is_password(plain, match):
            start = match.start("value")
            yield Span(start, start + len(_stripped(plain, match)), Kind.PASSWORD, "after its word")
    for pattern in (_QUOTED, _BARE):
        for match in pattern.finditer(plain.lower):
            value = match["value"].strip("\"'`()[],.;:")
            if len(value) >= 4 and value not in _ORDINARY and not value.isalpha():
                start = match.start("value") + match["value"].index(value)
                yield Span(start, start + len(value), Kind.PASSWORD, "after its word")


def _stripped(plain: PlainText, match: re.Match[str]) -> str:
    value = plain.chars[match.start("value") : match.end("value")]
    return value if match["quote"] else value.rstrip(".,;:)") or value


def _is_password(plain: PlainText, match: re.Match[str]) -> bool:
    """Whether what follows a word for a password is one: no ordinary word, unless nothing else follows it."""
    value = _stripped(plain, match)
    if match["value"].strip(".,;:!?()") in _ORDINARY or sum(map(str.isalnum, value)) < 3:
        return False
    if not value.isalpha() or match["quote"] or (value[1:] != value[1:].lower() and not value.isupper()):
        return True
    is_assigned = any(sign in match["link"] for sign in ":=>")
    rest = plain.lower[match.end() : match.end() + 2]
    return (is_assigned or "es" in match["link"] or "is" in match["link"]) and not re.match(r"[ ]?[a-z]", rest)
