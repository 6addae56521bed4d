"""Addresses of machines and links that open something: IPv4, IPv6, MAC, URLs with a password or a token in them."""

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,16})?"
    r"(?![\w:])"
)
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9A-Fa-f]{2}(?P<join>[:-]))(?:[0-9A-Fa-f]{2}(?P=join)){4}[0-9A-Fa-f]{2}(?![\w:-])"
    r"|(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])"
)
_URL = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{1,15}://|www\.)[^\s<>\"\[\]{}|\\^`]{3,2000}")
_VERSION_BEFORE = re.compile(
    r"(?:version|versiones|ver|v|build|release|firmware|revision|rev|update|patch|parche|seccion|section|apartado|oids?)[.:]?"
    r"[\s`'\"]{0,2}$"
)
_WHOSE_BEFORE = re.compile(
    r"\bip(?:v4|v6)?s?\b[^\n;?!]{0,24}$"
    r"|\b(?:desde|from|cliente|client|usuario|user|host|login|conectad[oa])\b[^\n;?!\d]{0,20}$"
)
_PUBLIC = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "::", "::1"})
"""Addresses that everybody has or asks."""
_DOCUMENTATION = tuple(
    ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_OPENING_PARTS = "token secret password passwd apikey api_key api-key jwt signature session credential otp auth".split()
_OPENING_FIELDS = """sig key pwd pass sid code clave contrasena sesion hash ticket invite reset x-amz-[a-z-]+ email
e-mail correo phone telefono dni"""
_SECRET_FIELD = re.compile(
    rf"(?:^|[?&#;/])(?:[a-z_.-]{{0,40}}(?:{'|'.join(_OPENING_PARTS)})[a-z_.-]{{0,40}}|{'|'.join(_OPENING_FIELDS.split())})"
    r"=[^&#\s]{4,}",
    re.IGNORECASE,
)
_USER = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s@:]{0,128}:[^/\s@]{1,256}@", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_OPENING = """reset invite invitation verify confirm token activate magic unsubscribe restablecer activar verificar
invitacion"""
_SECRET_PATH = re.compile(
    rf"/(?:{'|'.join(_OPENING.split())})(?:[-_/][a-z_-]{{0,30}})?/(?=[^/?#]{{0,60}}\d)[A-Za-z0-9_\-.~=]{{12,}}"
    r"|/(?:services|hooks?|webhooks?|share|s|d)/(?:[\w-]{1,40}/){0,3}(?P<value>[A-Za-z0-9_\-.~=]{16,})",
    re.IGNORECASE,
)


def find_addresses(plain: PlainText) -> Iterator[Span]:
    """The IP and MAC addresses of a text. Those that everybody has, masks and networks stay."""
    for match in _IPV4.finditer(plain.chars):
        if _is_host(plain, match):
            yield Span(match.start(), match.end(), Kind.IP, "ipv4", match[0])
    if plain.chars.count(":") > 1:
        for match in _IPV6.finditer(plain.chars):
            if _is_host(plain, match):
                yield Span(match.start(), match.end(), Kind.IP, "ipv6", match[0].lower())
    for match in _MAC.finditer(plain.chars):
        if any(character.isdigit() for character in match[0]) and len(set(match[0])) > 3:
            yield Span(match.start(), match.end(), Kind.MAC, "mac")


def _is_host(plain: PlainText, match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match[0].split("%")[0])
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or address.is_multicast or str(address) in _PUBLIC:
        return False
    before = plain.lower[max(0, match.start() - 40) : match.start()]
    if address.version == 4:
        octets = address.packed
        is_gateway = address.is_private and octets[3] == 1
        if (
            is_gateway
            or max(octets) < 10
            or octets[0] in (0, 255)
            or octets[3] in (0, 255)
            or plain.chars[match.end() : match.end() + 1] == "/"
        ):
            return False
        if _VERSION_BEFORE.search(before):
            return False
    elif match[0].count(":") < 3 and len(match[0]) < 8:
        return False
    is_example = any(address.version == net.version and address in net for net in _DOCUMENTATION)
    return not is_example or _WHOSE_BEFORE.search(before) is not None


def find_urls(plain: PlainText) -> Iterator[Span]:
    """The links of a text that open something for whoever has them: with a password, a token, or a person's data."""
    if "://" not in plain.chars and "www." not in plain.lower:
        return
    for match in _URL.finditer(plain.chars):
        url = match[0].rstrip(".,;:!?)'*")
        if opens_something(unquote(url)):
            yield Span(match.start(), match.start() + len(url), Kind.URL, "link with a secret", url)


def opens_something(url: str) -> bool:
    """Whether a link carries a user, a field that is a secret by its name, or what looks like a key."""
    user = _USER.match(url)
    if (user and not re.search(r"[$<{]", user[0])) or _SECRET_FIELD.search(url):
        return True
    path = _SECRET_PATH.search(url)
    return path is not None and (path["value"] is None or looks_random(path["value"]))


_LONG = 36


def looks_random(token: str) -> bool:
    """Whether letters and digits are mixed as in a key: all three sorts, and no word nor hexadecimal digest."""
    if _GUID.fullmatch(token) or not re.search(r"[a-z]", token) or not re.search(r"[A-Z]", token):
        return False
    digits = sum(map(str.isdigit, token))
    if digits < (1 if len(token) >= _LONG else 2) or re.search(r"[a-z]{11}", token):
        return False
    segments = re.split(r"[-_/]", token)
    has_word = any(re.fullmatch(r"[A-Z]?[a-z]{3,}", segment) for segment in segments)
    if has_word and not any(len(segment) >= 20 for segment in segments):  # a name, as `Ubuntu-2010-minimal`
        return False
    counts = Counter(token)
    entropy = -sum(count / len(token) * math.log2(count / len(token)) for count in counts.values())
    changes = sum(_sort(a) != _sort(b) for a, b in pairwise(token))
    return entropy >= 3.5 and changes >= 0.4 * len(token)


def _sort(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2 if character.isupper() else 3
