"""Words after which a value of a known shape is personal data, in Spanish, English and some Portuguese.

All in lower case without accents. A dot in a word may be written or not, and a space after it.
"""

from dataclasses import dataclass

from student.masking.spans import Kind


@dataclass(frozen=True, slots=True)
class Label:
    """Words and the shape of the value that they name.

    Attributes:
        kind: of the value.
        words: each one or several words, `|` between them.
        value: a regular expression on `PlainText.lower`.
        gap: what may stand between word and value.
        also_before: whether the word may follow the value too, as in `30123456 es mi DNI`.
    """

    kind: Kind
    words: str
    value: str
    gap: str
    also_before: bool = True


_MONTHS = (
    "enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre|january|february|march"
    "|april|may|june|july|august|september|october|november|december|ene|feb|mar|abr|jun|jul|ago|sept?|oct|nov|dic|jan"
    "|apr|aug|dec"
)
_YEAR = r"(?:19|20)\d\d"
DATE = (
    rf"(?:\d{{1,2}}[ ]?[./-][ ]?\d{{1,2}}[ ]?[./-][ ]?(?:{_YEAR}|\d\d)|{_YEAR}[./-]\d{{1,2}}[./-]\d{{1,2}}"
    rf"|\d{{1,2}} \d{{1,2}} {_YEAR}"
    rf"|\d{{1,2}}(?:\.?[oº]|st|nd|rd|th)?(?: de| of)?[ ./-](?:{_MONTHS})\.?(?:(?:,? (?:de |del )?|[ ./-])(?:{_YEAR}"
    rf"|\d\d))?"
    rf"|(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? {_YEAR})?|{_YEAR})(?![\w])"
)
"""A date in figures or words, at least a year."""

_FAR = r"(?:[^\d\n;?!@]{0,32}?)"
_NEAR_WORD = (
    r"(?:n[.]?[oº°]?|num(?:ero)?|nro|no|number|es|is|era|was|de|del|of|the|el|la|mi|my|su|your|bancaria|corriente"
    r"|ahorros?|atras|detras|dorso|trasera|reverso|back|bank|current|savings|saldo|siguiente|following|tarjeta|card"
    r"|cliente|customer|titular|sim|actual|nuevo"
    r"|nueva|new|antiguo|old|secreto|secret|cajero|movil|sms|acceso|para|for|en|in|empresa|company|persona|que|usa"
    r"|uso|me|llego|ha|llegado)"
)
_NEAR = rf"(?:[ ]?[:=#(\"'\[,.-]{{0,2}}[ ]?{_NEAR_WORD}?(?![a-z0-9])){{0,6}}[ :=#(\"'\[>-]{{0,3}}"
_NEARBY = rf"(?:{_NEAR}|(?:[^\d\n;?!@._]{{0,18}}?)(?<![a-z])(?!(?:19|20)\d\d(?!\d)))"
"""Near, or a few other words, where what follows is no year."""
_TOLD = rf"(?:{_NEAR}|(?:[^\d\n;?!@.]{{0,24}}?)(?:es|is|[:=])[ ](?:el |la |the )?)"
"""Near, or other words that end in a verb or a sign."""
_DIGITS = r"\d(?:[ .\-/]{0,2}\d)"
_END = r"(?![\w@])"
ID_VALUE = (
    rf"(?:(?<![a-z])[a-z]{{1,4}}-?)?{_DIGITS}{{4,17}}(?:[.\-/]?[a-z](?![a-z\d])"
    rf"|[ ][b-df-hj-np-tv-xz](?![a-z\d]))?{_END}"
    rf"|(?<![a-z\d])[a-z&]{{3,4}}[ -]\d{{6}}[ -][a-z\d]{{3}}{_END}"
    rf"|(?<![a-z\d])(?=(?:[a-z]{{0,8}}\d){{4}})[a-z\d]{{5,20}}{_END}"
)
"""A number with at least five digits, perhaps with letters before or after, or letters and digits mixed."""

LABELS = (
    Label(
        Kind.BIRTH_DATE,
        "fecha de nacimiento|fecha nacimiento|fecha nac.|fecha de nac.|f. nacimiento|f. nac.|fec. nac.|fnac|fdn|f.d.n."
        "|nacido|nacida|nacidos|nacio|naci|nacimiento|nac.|natalicio|cumpleanos|cumplo anos|data de nascimento|nascido"
        "|nascida|date of birth|birth date|birthdate|birthday|birth day|d.o.b.|dob|born|bday",
        DATE,
        r"(?:[^\d\n;?!]{0,40}?)(?<![a-z])",
        also_before=False,
    ),
    Label(
        Kind.CARD,
        "tarjeta|tarjetas|card|credit card|debit card|visa|mastercard|amex|american express|maestro|pan|cartao",
        rf"{_DIGITS}{{11,18}}{_END}",
        _FAR,
    ),
    Label(
        Kind.CVV,
        "cid|cvv|cvv2|cvc|cvc2|cv2|csc|cvn|codigo de seguridad|codigo seguridad|security code|codigo cvv|card code"
        "|codigo de la parte de atras|three digits on the back",
        rf"\d{{3,4}}{_END}",
        _NEARBY,
    ),
    Label(
        Kind.PIN,
        "por sms|via sms|by sms|via text|pin|pins|puk|p.i.n.|nip|otp|codigo de verificacion|codigo sms"
        "|codigo de un solo uso|verification code"
        "|one time code|one-time code|one time password|clave sms|clave de firma|codigo de firma|codigo de acceso"
        "|access code|passcode|clave de cajero|clave secreta|clave telefonica|clave numerica|login code|security pin",
        rf"\d(?:[ -]?\d){{3,7}}{_END}",
        _NEARBY,
    ),
    Label(
        Kind.SOCIAL_SECURITY,
        "seguridad social|social security|ssn|s.s.n.|nuss|nuss.|naf|nass|n.a.s.s.|nss|n.s.s.|numero de afiliacion"
        "|afiliacion"
        "|afiliado|imss|national insurance|social insurance|nino|ni number|nif social|previdencia|pis|nit afiliado",
        ID_VALUE,
        _FAR,
    ),
    Label(
        Kind.PASSPORT,
        "pasaporte|pasaportes|passport|passports|passeport|reisepass|passaporte|pass no",
        rf"(?<![a-z])[a-z]{{0,3}}[ -]?\d(?:[ -]?\d){{5,8}}[a-z]?{_END}"
        rf"|(?<![a-z\d])(?=(?:[a-z]{{0,4}}\d){{3}})[a-z\d]{{7,10}}{_END}",
        _FAR,
    ),
    Label(
        Kind.IBAN,
        "iban|i.b.a.n.",
        rf"(?<![a-z\d])[a-z]{{2}}[ .-]?\d[ ]?\d(?:[ .\-/]{{0,2}}[a-z]{{0,6}}\d){{8,32}}{_END}",
        _FAR,
        also_before=False,
    ),
    Label(
        Kind.ACCOUNT,
        "clabe|clabe interbancaria|cbu|c.b.u.|cvu|ccc|c.c.c.|cuenta|cuentas|cta.|cta|ctas|c/c|c/a|account|accounts"
        "|acct|a/c|conta"
        "|routing|aba|sort code|transit number|numero de cuenta",
        rf"\d(?:[ .\-/]{{0,2}}\d){{5,25}}{_END}",
        _TOLD,
    ),
    Label(
        Kind.ACCOUNT,
        "alias cbu|alias de cbu|alias cvu|alias de mercado pago|alias mercado pago|alias mp|alias",
        r"(?<![\w.])(?=[a-z\d.-]{6,20}(?![\w.-]))[a-z\d-]+(?:\.[a-z\d-]+){1,4}",
        _NEAR,
        also_before=False,
    ),
    Label(
        Kind.PHONE,
        "telefono|telefonos|telefonico|tel.|tel|telf.|telf|tlf.|tlf|tfno.|tfno|tfn|tfo|movil|moviles|celular"
        "|celulares|cel.|cel"
        "|telefone|phone|phones|telephone|mobile|cell|cellphone|whatsapp|wasap|whats|wa|fax|desk|fono|fonos|fijo"
        "|llamar|llame|llamame|llamen"
        "|llamadme|llama|llamenme|llamando|marque|marcar|contactarme|localizarme|call|callback|dial|text me"
        "|reach me|sms al"
        "|ring me|contact number|numero de contacto|my number is|mi numero es|este numero|this number",
        rf"(?:\+|00)?[(]?\d[)]?(?:[ .\-/]{{0,3}}[(]?\d[)]?){{6,14}}{_END}",
        _FAR,
    ),
    Label(
        Kind.ID,
        "dni|d.n.i.|nif|n.i.f.|nie|n.i.e.|cedula|cedulas|cuit|cuil|c.u.i.t.|c.u.i.l.|rut|r.u.t.|curp|clave de elector"
        "|credencial de elector|cpf|c.p.f.|cnpj|documento nacional de identidad|documento de identidad|id number"
        "|identity card|national id|numero de identificacion|tax id|tax number|steuer-id|steuernummer|personalausweis"
        "|personnummer|pesel|codice fiscale|medical record|historia clinica|nhc|dni/nie|dni/nif|nif/cif|nif/nie"
        "|dni o nie"
        "|licencia de conducir|carnet de conducir|permiso de conducir|driver license|drivers license|driver's license"
        "|driving licence|driving license|driver licence|tarjeta de residencia|permiso de residencia"
        "|residence permit|residence card|driving permit|imei|idesp|colegiado|ncol|n.col|nºcol|itin|ppsn|amka",
        ID_VALUE,
        _FAR,
    ),
    Label(
        Kind.ID,
        "cif|c.i.f.|c.c.|cc|c.i.|ci|t.i.|c.e.|nit|n.i.t.|run|rfc|r.f.c.|ine|ife|cic|ocr|rg|r.g.|l.e.|l.c.|dpi|dui"
        "|rtn|documento"
        "|identidad|identificacion|identification|identity|id card|tin|ein|vat|vat number|bsn|nir|insee|pps|egn|cnp|oib"
        "|afm|nhs|nhs number|licencia|carnet|mrn|tie|partita iva|p.iva|ust-idnr|ust-id|tva|soporte|soporte del dni"
        "|numero de soporte",
        ID_VALUE,
        _NEAR,
    ),
    Label(
        Kind.PLATE,
        "matricula|matriculas|matriculado|placa|placas|patente|patentes|coche|vehiculo|auto|carro|moto|furgoneta|camion"
        "|license plate|licence plate|number plate|plate|plates|car registration|registration|vehicle|van|truck|car",
        r"(?<![a-z\d])(?:\d{4}[ -]?[a-z]{3}|[a-z]{1,2}[ -]?\d{4}[ -]?[a-z]{1,2}|[a-z]{2}[ -]?\d{2,3}[ -]?[a-z]{2,3}"
        r"|[a-z]{3}[ -]?\d{2,4}(?:[ -]?\d{2})?[ -]?[a-z]?|[a-z]{3}[ -]?\d[a-z]\d{2}|[a-z]{4}[ -]?\d{2}"
        r"|[a-z]{2}[ -]?\d{4,5}"
        r"|\d{2}[ -][a-z]{2}[ -]\d{2}|\d{2}[ -]\d{2}[ -][a-z]{2}|[a-z]\d{3}[ -]?[a-z]{3}"
        r"|[a-z]{1,3}-[a-z]{1,2}[ -]?\d{1,4}"
        r"|[a-z]\d{2}[ -]?[a-z]{3}|\d[a-z]{3}\d{3})(?![a-z\d])",
        r"(?:(?:[^\d\n;?!@.]|(?<=n)\.(?=[ ]?[oº])|(?<=no)\.){0,24}?)",
    ),
    Label(
        Kind.BIC,
        "swift|bic|swift/bic|bic/swift|codigo swift|swift code|codigo bic",
        r"(?<![a-z\d])[a-z]{6}[a-z\d]{2}(?:[a-z\d]{3})?(?![a-z\d])",
        _NEAR,
    ),
)
