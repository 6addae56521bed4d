"""Keys and passwords: JWT, keys of known vendors, private keys, and what follows a word such as password or token."""

import re
from collections.abc import Iterator

from student.masking.context import is_in_link
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
_LINK = r"(?:[ ]?(?:[:=]|=>|->|—)[ ]?|[ ](?:es|is|era|was|sera|siguiente|actual|de acceso)[ ]?[:=]?[ ]?)"
_OWNERS = """de del of for para to al en la the my mi su your acceso usuario user cuenta account wifi wi-fi correo email
app banca online movil web banco actual nueva new temporal temporary provisional maestra master root admin is es portal
router tarjeta"""
_OWNER = rf"(?:[ ](?:{'|'.join(_OWNERS.split())})){{0,5}}[\"'`*_]{{0,2}}"
_WORDS = """contrasenas? password passwords passwd passphrase pwd claves? psw pswd senha passwort credenciales
(?<!_)pass secret contra"""
_PASSWORD_WORD = rf"(?<![a-z])(?:{'|'.join(_WORDS.split())}|palabra clave|mot de passe)"
_PASSWORD = re.compile(
    rf"{_PASSWORD_WORD}{_OWNER}(?P<link>{_LINK})"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\n\"'`]{3,64})(?P=quote)|(?P<value>[^\s\"'`<>;]{3,128}))"
)
_QUOTED = re.compile(
    r"(?<![a-z_])(?:contrasena|password|passwd|passphrase|pwd|clave|secret)(?:[ ][a-z]{1,12}){0,4}[ ]"
    r"(?P<value>\"[^\s\"]{4,64}\"|'[^\s']{4,64}'|`[^\s`]{4,64}`|[\[(][^\s()\[\]]{6,64}[\])])"
)
_BARE = re.compile(
    r"(?<![a-z_])(?:contrasena|password|passwd|pwd|clave|pass)[ ]"
    r"(?P<value>[^\W_][^\s\"'`<>()\[\]?=]{5,64})(?=[.,;:!)\"'»]?(?:\s|$))"
)
_CAMEL_CASE = re.compile(r"(?:[^\W\d]?[^\W\dA-Z]{2,}|[A-Z]{2,}|[-/,.:;()])+")
"""A word or several, as `PowerShell`; not the mixed case of a password."""
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
_NO_PASSWORD = re.compile(r"[$<{%*\[(/\\]|\w+://|\w+[\\/]\w+[\\/]")
"""Variables, examples, links and paths."""
_PASSWORD_WORDS = re.compile("passw|passphr|contrase|^your")
_ASKED = frozenset("your su tu my new nueva enter introduzca introduce type escriba again".split())
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


_SPOKEN_PASSWORDS = "pass contra clave pwd psw pswd senha credencial secret".split()
_SPOKEN_KEYS = "key token secret clave cookie authoriz llave aws_".split()


def find_credentials(plain: PlainText) -> Iterator[Span]:
    """The keys and passwords of a text."""
    if "eyJ" in plain.chars:
        yield from (Span(m.start(), m.end(), Kind.JWT, "jwt", m[0]) for m in _JWT.finditer(plain.chars))
    yield from (Span(m.start(), m.end(), Kind.API_KEY, "key of a vendor", m[0]) for m in _VENDOR.finditer(plain.chars))
    for sign, pattern in ((" AAAA", _SSH_KEY), ("-----BEGIN", _PRIVATE_KEY)):
        if sign in plain.chars:
            yield from (
                Span(m.start(), m.end(), Kind.API_KEY, "key by its head") for m in pattern.finditer(plain.chars)
            )
    for signs, pattern in ((("bearer", "basic"), _BEARER), (("key=", "signature="), _AZURE)):
        if not any(sign in plain.lower for sign in signs):
            continue
        for match in pattern.finditer(plain.chars):
            if any(map(str.isdigit, match["value"])):
                yield Span(*match.span("value"), Kind.API_KEY, "after its word", match["value"])
    yield from _random_ones(plain)
    if any(word in plain.lower for word in _SPOKEN_KEYS):
        yield from _keys_after_words(plain)
    if any(word in plain.lower for word in _SPOKEN_PASSWORDS):
        yield from _passwords_after_words(plain)


def _random_ones(plain: PlainText) -> Iterator[Span]:
    for match in _CANDIDATE.finditer(plain.chars):
        if (
            match[0].count("/") < 4
            and not match[0].startswith("MII")
            and looks_random(match[0])
            and not is_in_link(plain.chars, match.start())
        ):
            yield Span(match.start(), match.end(), Kind.API_KEY, RANDOM, match[0])


RANDOM = "looks random"
"""The reason of what is taken for a key by its characters alone; a pseudonym may look so too."""


def _keys_after_words(plain: PlainText) -> Iterator[Span]:
    for match in _KEY_WORD.finditer(plain.lower):
        value = plain.chars[match.start("value") : match.end("value")].rstrip(".!")
        if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
            start = match.start("value")
            yield Span(start, start + len(value), Kind.API_KEY, "after its word", value)


def _passwords_after_words(plain: PlainText) -> Iterator[Span]:
    for match in _PASSWORD.finditer(plain.lower):
        start, value = _password(plain, match)
        if value:
            yield Span(start, start + len(value), Kind.PASSWORD, "after its word")
    for pattern in (_QUOTED, _BARE):
        for match in pattern.finditer(plain.lower):
            value = match["value"].strip("\"'`()[]*,.;:")
            is_file = re.search(r"\.[a-z]{2,5}$|^/", value) is not None
            start = match.start("value") + match["value"].index(value)
            is_mixed = not _CAMEL_CASE.fullmatch(plain.chars[start : start + len(value)])
            if len(value) >= 4 and is_mixed and not _NO_PASSWORD.match(value) and not is_file:
                yield Span(start, start + len(value), Kind.PASSWORD, "after its word")


def _password(plain: PlainText, match: re.Match[str]) -> tuple[int, str]:
    """The beginning of a password and the password; "" for an ordinary word, unless nothing else follows it."""
    group = "quoted" if match["quote"] else "value"
    start, end = match.span(group)
    value = plain.chars[start:end] if match["quote"] else plain.chars[start:end].rstrip(".,:)*")
    if _NO_PASSWORD.match(value) or sum(map(str.isalnum, value)) < 3:
        return start, ""
    words = re.findall(r"[a-z]+", plain.lower[start : start + len(value)])
    is_words = "".join(words) == re.sub(r"[ _-]", "", value.lower())
    ordinary = _ORDINARY if len(words) == 1 else _ASKED
    if is_words and any(word in ordinary or _PASSWORD_WORDS.search(word) for word in words):
        return start, ""
    is_plain_word = value.isalpha() and value[1:] == value[1:].lower()
    if is_plain_word and not match["quote"] and re.match(r"[ ]?[a-z]", plain.lower[match.end() : match.end() + 2]):
        return start, ""
    return start, value
