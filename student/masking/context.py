"""The surroundings of a number: whether it is an amount, or belongs to a word that numbers things, not persons."""

import re

_BEFORE_CHARS, _LINK_CHARS = 40, 300
_THINGS = """pedido|order|purchase order|factura|invoice|albaran|remito|referencia|reference|ref|ticket|tique|incidencia
|incident|caso|case|expediente|codigo|code|cod|serie|serial|tracking|seguimiento|envio|shipment|paquete|parcel|sku
|articulo|item|producto|product|modelo|model|part|pieza|lote|batch|lot|version|ver|build|kb|error|guia|orden|solicitud
|request|transaccion|transaction|operacion|operation|isbn|issn|ean|upc|gtin|localizador|booking|reserva|bug|issue
|commit|puerto|port|radicado|folio|presupuesto|quote|barcode|barras|revision|release|contador|counter|row|fila|linea
|line|pagina|page|recibo|receipt|po|art|doi"""
_FILLER = r"(?:n|no|num|numero|nro|number|id|code|codigo|es|is|de|del|of|the|la|el|interno|cliente|was|fue)"
_OF_A_THING = re.compile(
    r"\b(?:" + _THINGS.replace("\n", "") + r")s?[^\w\n]{0,3}(?:" + _FILLER + r"[^\w\n]{1,3}){0,3}(?:[a-z]{1,4}[-#])?$"
)
_CURRENCY = (
    r"(?:€|\$|£|¥|%|eur|euros?|usd|gbp|mxn|ars|clp|cop|brl|reales|pesos?|dolar(?:es)?|dollars?|pounds?|bytes|ms)"
)
_CURRENCY_BEFORE = re.compile(r"(?:[$€£¥]|\b(?:eur|usd|gbp|mxn|ars|clp|cop|brl|us\$|r\$|s/\.?))\s?$")
_CURRENCY_AFTER = re.compile(r"(?:[.,]\d{1,2})?\s?" + _CURRENCY + r"(?![a-z])|,\d")

_SERVICE = re.compile(r"(?:0034|\+?34)?[89]0[0-9]\d{6}|(?:\+?1)?8(?:00|88|77|66|55|44|33)\d{7}|0?(?:1?8|80)00?\d{6,7}")


def is_service_number(digits: str) -> bool:
    """Whether a telephone number is one of those that are free or cost more: a company's, never a person's."""
    return _SERVICE.fullmatch(digits) is not None


def numbers_a_thing(lower: str, start: int, since: int = 0) -> bool:
    """Whether the number at a place follows a word such as order, version or error right before it.

    Args:
        lower: `PlainText.lower`.
        start: of the number.
        since: place from which on words count, such as the end of a word that names the number.
    """
    return _OF_A_THING.search(lower[max(since, start - _BEFORE_CHARS) : start]) is not None


def is_amount(lower: str, start: int, end: int) -> bool:
    """Whether a number is an amount: a currency stands before or after it, or decimals follow."""
    if _CURRENCY_AFTER.match(lower, end):
        return True
    return _CURRENCY_BEFORE.search(lower[max(0, start - 5) : start]) is not None


def is_in_link(chars: str, start: int) -> bool:
    """Whether a place is in a link, of which `network` says whether it opens something."""
    words = chars[max(0, start - _LINK_CHARS) : start].split(" ")
    return "://" in words[-1] or "www." in words[-1]
