"""The sorts without check digits, in their writings: most stand by their word alone."""

from functools import partial

from benchmarks.masking_truth import unchecked_values as unchecked
from benchmarks.masking_truth.sorts import Sort
from benchmarks.masking_truth.unchecked_values import hidden_email, quoted_email
from benchmarks.masking_truth.writings import grouped, hidden, lower, plain, wide

_Sort = partial(Sort, is_checked=False)
_HIDDEN_EMAILS = (
    plain,
    str.upper,
    quoted_email,
    hidden,
    *(
        hidden_email(at, dot)
        for at, dot in (
            (" @ ", "."),
            (" @ ", " . "),
            (" (arroba) ", "."),
            (" (arroba) ", " (punto) "),
            (" arroba ", " punto "),
            ("(at)", "."),
            ("[at]", "[dot]"),
            (" [at] ", " [dot] "),
            (" at ", " dot "),
            ("@", ","),
            ("＠", "."),
            ("{at}", "."),
            (" arroba ", "."),
        )
    ),
)
_US = (
    grouped("-", 3, 3),
    grouped(".", 3, 3),
    lambda v: f"({v[:3]}) {v[3:6]}-{v[6:]}",
    lambda v: f"+1 {v[:3]}-{v[3:6]}-{v[6:]}",
)
UNCHECKED = (
    _Sort("email", "email", "es", unchecked.email, _HIDDEN_EMAILS, "correo|e-mail"),
    _Sort("email", "email", "en", unchecked.email, _HIDDEN_EMAILS, "e-mail|address"),
    _Sort(
        "phone",
        "es",
        "es",
        unchecked.phone_of_spain,
        (
            plain,
            wide,
            grouped(" ", 3, 3),
            grouped(" ", 3, 2, 2),
            grouped("-", 3, 3),
            grouped(".", 3, 3),
            lambda v: f"+34{v}",
            lambda v: f"+34 {v[:3]} {v[3:6]} {v[6:]}",
            lambda v: f"0034 {v}",
            lambda v: f"(+34) {v[:3]} {v[3:]}",
        ),
        "teléfono|móvil|tel.",
    ),
    _Sort(
        "phone",
        "mx",
        "es",
        unchecked.phone_of_mexico,
        (
            grouped(" ", 2, 4),
            grouped("-", 2, 4),
            lambda v: f"+52 {v[:2]} {v[2:6]} {v[6:]}",
            lambda v: f"({v[:2]}) {v[2:6]}-{v[6:]}",
        ),
        "teléfono|celular",
    ),
    _Sort(
        "phone",
        "co",
        "es",
        unchecked.phone_of_colombia,
        (plain, grouped(" ", 3, 3), lambda v: f"+57 {v}"),
        "celular|teléfono",
    ),
    _Sort(
        "phone",
        "ar",
        "es",
        unchecked.phone_of_argentina,
        (lambda v: f"(0{v[:2]}) {v[2:6]}-{v[6:]}", grouped(" ", 2, 4), lambda v: f"+54 9 {v[:2]} {v[2:6]}-{v[6:]}"),
        "teléfono|tel",
    ),
    _Sort("phone", "us", "en", unchecked.phone_of_the_us, _US, "phone|phone number|cell"),
    _Sort(
        "phone",
        "gb",
        "en",
        unchecked.phone_of_britain,
        (plain, grouped(" ", 5), lambda v: f"+44 {v[1:5]} {v[5:]}"),
        "mobile|phone number",
    ),
    _Sort(
        "id",
        "ar.dni",
        "es",
        unchecked.argentine_dni,
        (plain, lambda v: v.replace(".", ""), lambda v: v.replace(".", " ")),
        "DNI|documento|D.N.I.",
        needs_word=True,
    ),
    _Sort(
        "id",
        "co.cedula",
        "es",
        unchecked.cedula,
        (plain, lambda v: v.replace(".", ""), lambda v: v.replace(".", " ")),
        "cédula|C.C.|cédula de ciudadanía",
        needs_word=True,
    ),
    _Sort(
        "passport",
        "passport",
        "es",
        unchecked.passport,
        (plain, lower),
        "pasaporte|número de pasaporte",
        needs_word=True,
    ),
    _Sort(
        "passport", "passport", "en", unchecked.passport, (plain, lower), "passport|passport number", needs_word=True
    ),
    _Sort("plate", "plate", "es", unchecked.plate, (plain,), "matrícula|placa|patente|coche", needs_word=True),
    _Sort("plate", "plate", "en", unchecked.plate, (plain,), "license plate|number plate|car", needs_word=True),
    _Sort("bic", "bic", "es", unchecked.bic, (plain,), "SWIFT|BIC|código SWIFT", needs_word=True),
    _Sort("bic", "bic", "en", unchecked.bic, (plain,), "SWIFT|BIC|SWIFT code", needs_word=True),
    _Sort("account", "ar.alias", "es", unchecked.mx_alias, (plain, lower), "alias|alias CBU", needs_word=True),
    _Sort("cvv", "cvv", "es", unchecked.cvv, (plain,), "CVV|código de seguridad|CVC", needs_word=True),
    _Sort("cvv", "cvv", "en", unchecked.cvv, (plain,), "CVV|security code|CVC2", needs_word=True),
    _Sort("pin", "pin", "es", unchecked.pin, (plain,), "PIN|código de verificación|PIN de la tarjeta", needs_word=True),
    _Sort("pin", "pin", "en", unchecked.pin, (plain,), "PIN|verification code|one-time code", needs_word=True),
    _Sort("password", "password", "es", unchecked.password, (plain,), "contraseña|clave|password", needs_word=True),
    _Sort("password", "password", "en", unchecked.password, (plain,), "password|Password|pwd", needs_word=True),
    _Sort(
        "birth_date",
        "birth_date",
        "es",
        unchecked.birth_date("es"),
        (plain,),
        "fecha de nacimiento|nacimiento|F. nac.",
        needs_word=True,
    ),
    _Sort(
        "birth_date",
        "birth_date",
        "en",
        unchecked.birth_date("en"),
        (plain,),
        "date of birth|DOB|birthday",
        needs_word=True,
    ),
    _Sort("api_key", "vendor", "en", unchecked.api_key, (plain,), "API key|token"),
    _Sort("api_key", "random", "en", unchecked.random_key, (plain,), "API key|secret|token"),
    _Sort("jwt", "jwt", "en", unchecked.jwt, (plain,), "token|JWT"),
    _Sort("ip", "ipv4", "en", unchecked.ipv4, (plain,), "IP|IP address"),
    _Sort("ip", "ipv6", "en", unchecked.ipv6, (plain,), "IP|IPv6", needs_word=True),
    _Sort("mac", "mac", "en", unchecked.mac, (plain,), "MAC|device"),
    _Sort("url", "url", "es", unchecked.url, (plain,), "enlace|URL"),
)
