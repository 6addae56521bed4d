"""Ordinary sentences with numbers and words that are no one's: orders, versions, prices, codes, dates, near misses."""

import re
from collections.abc import Iterator
from random import Random

from benchmarks.masking_truth import values
from benchmarks.masking_truth.values import digits, letters

# <d:6-12> is so many digits, <n:1-28> a number of that range, <L:3> so many letters, <x:8> hexadecimal ones.
TEMPLATES = (
    "Su pedido <d:6-12> llegará el <n:1-28>/0<n:1-9>/2026.",
    "Order no. <d:6-12> was shipped on May <n:1-28>, 2026.",
    "La factura 2026/<d:6> es de <amount>.",
    "Invoice INV-<d:7>: <amount>",
    "Update to version <n:1-20>.<n:0-20>.<d:4>.<n:0-9>",
    "Actualice a la versión <n:1-20>.<n:0-20>.<n:0-9>",
    "Error 0x<x:8> al abrir <L:3>-<d:5>",
    "error code <L:2>-<d:4> on port <n:1000-65000>",
    "Referencia: <L:2><d:8>",
    "El producto <L:3>-<d:4>-<L:2> mide <n:10-99> x <n:10-99> cm",
    "KB<d:7> fixes <n:2-50> issues",
    "Ticket #<d:8> sigue abierto desde las <n:10-20>:<n:10-59>:00",
    "Open 9:00-14:00, <n:2020-2026>-<n:2027-2030>, room <n:100-999>",
    "Plazo: <n:2-30> días; límite <n:1-90> GB; <n:1-99> %",
    "ISBN 978-<n:0-9>-<d:4>-<d:4>-<n:0-9>",
    "Tracking number <d:12>",
    "Código de barras <d:13>",
    "Serial number <L:2><d:9>",
    "Set the subnet mask to 255.255.255.0 and the gateway to 127.0.0.1",
    "commit <x:40>",
    "id <x:8>-<x:4>-4<x:3>-a<x:3>-<x:12>",
    "Llame gratis al 900 <d:3> <d:3>",
    "The password must have <n:8-16> characters; enter your PIN of <n:4-6> digits",
    "La contraseña es obligatoria y el PIN caduca en 90 días",
    "Ventas de <n:2018-2025>: <d:3> <d:3> <d:3> unidades",
    "Total <amount> of <amount>",
    "Registro número <no card>",
    "Registro <no clabe>",
    "Registro <no ccc>",
    "See https://docs.example.com/en-us/how-to-set-up-<d:3>?view=v<n:1-9>",
    "Reunión el <n:1-28> de mayo de 2026 a las <n:10-19>:30, sala <n:1-20>",
    "Coordenadas <n:36-43>.<d:6>, -<n:1-7>.<d:6>",
)
_PART = re.compile(r"<([^:>]+)(?::(\d+)(?:-(\d+))?)?>")
_CHECKED = {"no card": values.card, "no clabe": values.clabe, "no ccc": values.ccc}


def sentences(seed: int, count: int) -> Iterator[str]:
    """So many sentences in which nothing is to be masked."""
    random = Random(f"{seed}/ordinary")  # noqa: S311  # no secret
    for number in range(count):
        template = TEMPLATES[number % len(TEMPLATES)]
        yield _PART.sub(lambda part: _filled(part, random), template)


def _filled(part: re.Match[str], random: Random) -> str:
    least = int(part[2] or 0)
    most = int(part[3] or least)
    if part[1] == "n":
        return str(random.randint(least, most))
    if part[1] == "amount":
        euros = random.randint(1, 9_999_999)
        dotted = f"{euros:,}".replace(",", ".")
        return random.choice([f"{dotted},50 €", f"${euros:,}.99", f"{euros} euros", f"{euros:,} USD"])
    if part[1] in _CHECKED:  # its last digit is not the right one
        number = _CHECKED[part[1]](random)
        return number[:-1] + random.choice([digit for digit in "0123456789" if digit != number[-1]])
    count = random.randint(least, most)
    return {"d": digits, "L": letters, "x": _hexadecimal}[part[1]](random, count)


def _hexadecimal(random: Random, count: int) -> str:
    return "".join(random.choice("0123456789abcdef") for _ in range(count))
