"""Values with right check digits, as their authorities give them out, in their plainest form."""

import string
from collections.abc import Callable, Sequence
from random import Random

LETTERS = string.ascii_uppercase
Make = Callable[[Random], str]


def digits(random: Random, count: int) -> str:
    """So many digits, the first not zero."""
    return str(random.randint(1, 9)) + "".join(random.choice("0123456789") for _ in range(count - 1))


def letters(random: Random, count: int, of: str = LETTERS) -> str:
    """So many letters."""
    return "".join(random.choice(of) for _ in range(count))


def _weighted(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))


def _luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


def _date(random: Random) -> tuple[int, int, int]:
    return random.randint(1945, 1999), random.randint(1, 12), random.randint(1, 28)


def card(random: Random) -> str:
    """A card number of Visa, Mastercard or American Express."""
    prefix, length = random.choice(
        [("4", 16), ("5" + random.choice("12345"), 16), ("2223", 16), ("37", 15), ("34", 15)]
    )
    return _luhn(prefix + "".join(random.choice("0123456789") for _ in range(length - 1 - len(prefix))))


def _as_number(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text))


def _with_iban_check(country: str, account: str) -> str:
    return f"{country}{98 - _as_number(account + country + '00') % 97:02d}{account}"


def ccc(random: Random) -> str:
    """A Spanish bank account: bank, office, two check digits, account."""
    bank, account = digits(random, 8), digits(random, 10)
    weights = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)
    checks = [11 - _weighted(part, weights) % 11 for part in ("00" + bank, account)]
    return bank + "".join({10: "1", 11: "0"}.get(check, str(check)) for check in checks) + account


def iban(random: Random) -> str:
    """An IBAN of a European country or Brazil."""
    country = random.choice("ES ES DE FR GB IT PT NL BE BR".split())
    account = {
        "ES": lambda: ccc(random),
        "DE": lambda: digits(random, 18),
        "FR": lambda: digits(random, 23),
        "GB": lambda: letters(random, 4) + digits(random, 14),
        "IT": lambda: letters(random, 1) + digits(random, 22),
        "PT": lambda: digits(random, 21),
        "NL": lambda: letters(random, 4) + digits(random, 10),
        "BE": lambda: digits(random, 12),
        "BR": lambda: digits(random, 23) + "P1",
    }[country]()
    return _with_iban_check(country, account)


def clabe(random: Random) -> str:
    """A Mexican bank account."""
    body = random.choice(["002", "012", "014", "021", "036", "044", "072", "127", "137", "646"]) + digits(random, 14)
    return body + str(-sum(int(d) * (3, 7, 1)[n % 3] % 10 for n, d in enumerate(body)) % 10)


def cbu(random: Random) -> str:
    """An Argentine bank account."""
    bank, account = digits(random, 7), digits(random, 13)
    first = -_weighted(bank, (7, 1, 3, 9, 7, 1, 3)) % 10
    second = -_weighted(account, (3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3)) % 10
    return f"{bank}{first}{account}{second}"


def dni(random: Random) -> str:
    """A Spanish identity number."""
    number = digits(random, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def nie(random: Random) -> str:
    """A Spanish number of foreigners."""
    first, number = random.randint(0, 2), digits(random, 7)
    return "XYZ"[first] + number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(f"{first}{number}") % 23]


def cif(random: Random) -> str:
    """A Spanish company's number."""
    number = digits(random, 7)
    even = sum(int(d) for d in number[1::2])
    odd = sum(int(d) * 2 // 10 + int(d) * 2 % 10 for d in number[0::2])
    return random.choice("ABEH") + number + str(-(even + odd) % 10)


def nuss(random: Random) -> str:
    """A Spanish social security number."""
    province, number = f"{random.randint(1, 50):02d}", digits(random, 8)
    return f"{province}{number}{int(province + number) % 97:02d}"


_STATES = "AS BC CH DF GT HG JC MC NL OC PL SL TC VZ YN".split()


def curp(random: Random) -> str:
    """A Mexican population registry code."""
    year, month, day = _date(random)
    body = (
        letters(random, 1, "BCDGLMPRST") + letters(random, 1, "AEIOU") + letters(random, 2, "BCDGLMPRST")
        + f"{year % 100:02d}{month:02d}{day:02d}" + random.choice("HM") + random.choice(_STATES)
        + letters(random, 3, "BCDFGLMNPRST") + "0"
    )  # fmt: skip
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    return body + str(-sum(alphabet.index(c) * (18 - n) for n, c in enumerate(body)) % 10)


def rfc(random: Random) -> str:
    """A Mexican taxpayer's number, of a person."""
    year, month, day = _date(random)
    body = letters(random, 1, "GLMPR") + "O" + letters(random, 2, "LMRST") + f"{year % 100:02d}{month:02d}{day:02d}"
    body += random.choice("ABC123") + random.choice("DEF456")
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    check = -sum(alphabet.index(c) * (13 - n) for n, c in enumerate(body)) % 11
    return body + ("A" if check == 10 else str(check))


def ine(random: Random) -> str:
    """A Mexican voter's key."""
    year, month, day = _date(random)
    date = f"{year % 100:02d}{month:02d}{day:02d}"
    return (
        letters(random, 6, "BCDGLMPRST")
        + date
        + f"{random.randint(1, 32):02d}"
        + random.choice("HM")
        + digits(random, 3)
    )


def mexican_nss(random: Random) -> str:
    """A Mexican social security number."""
    return _luhn(digits(random, 10))


def cuit(random: Random) -> str:
    """An Argentine taxpayer's number."""
    while True:
        body = random.choice(["20", "23", "27", "30", "33"]) + digits(random, 8)
        check = 11 - _weighted(body, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            return body + str(0 if check == 11 else check)


def rut(random: Random) -> str:
    """A Chilean number."""
    number = str(random.randint(4_000_000, 26_000_000))
    total = sum(int(d) * (2 + n % 6) for n, d in enumerate(reversed(number)))
    return number + "0K987654321"[total % 11]


def nit(random: Random) -> str:
    """A Colombian taxpayer's number."""
    number = "9" + digits(random, 8)
    check = sum(int(d) * w for d, w in zip(reversed(number), (3, 7, 13, 17, 19, 23, 29, 37, 41), strict=True)) % 11
    return number + str(check if check < 2 else 11 - check)


def _modulo_11(body: str, weights: Sequence[int]) -> str:
    rest = _weighted(body, weights) % 11
    return "0" if rest < 2 else str(11 - rest)


def cpf(random: Random) -> str:
    """A Brazilian person's number."""
    body = digits(random, 9)
    body += _modulo_11(body, range(10, 1, -1))
    return body + _modulo_11(body, range(11, 1, -1))


def cnpj(random: Random) -> str:
    """A Brazilian company's number."""
    body = digits(random, 8) + "0001"
    body += _modulo_11(body, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    return body + _modulo_11(body, (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


def ruc(random: Random) -> str:
    """A Peruvian taxpayer's number."""
    body = random.choice(["10", "20"]) + digits(random, 8)
    return body + str((11 - _weighted(body, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 10)


def uruguayan(random: Random) -> str:
    """A Uruguayan identity number."""
    body = digits(random, 7)
    return body + str(-_weighted(body, (2, 9, 8, 7, 6, 3, 4)) % 10)


def vat_of_germany(random: Random) -> str:
    """A German VAT number."""
    body, product = digits(random, 8), 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return f"DE{body}{(11 - product) % 10}"


def vat_of_italy(random: Random) -> str:
    """An Italian VAT number."""
    return "IT" + _luhn(digits(random, 7) + "058")


def codice_fiscale(random: Random) -> str:
    """An Italian tax code."""
    year, month, day = _date(random)
    body = letters(random, 6, "BCDFGLMNPRST") + f"{year % 100:02d}" + "ABCDEHLMPRST"[month - 1] + f"{day:02d}"
    body += letters(random, 1, "ABCDFGHIL") + digits(random, 3)
    odd = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True))
    values = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    odd |= dict(zip(LETTERS, values, strict=True))
    total = sum(odd[c] if n % 2 == 0 else (int(c) if c.isdigit() else LETTERS.index(c)) for n, c in enumerate(body))
    return body + LETTERS[total % 26]


def nir(random: Random) -> str:
    """A French social security number."""
    year, month, _ = _date(random)
    body = f"{random.randint(1, 2)}{year % 100:02d}{month:02d}{random.randint(10, 95):02d}{random.randint(1, 900):03d}"
    body += f"{random.randint(1, 999):03d}"
    return f"{body}{97 - int(body) % 97:02d}"


def belgian(random: Random) -> str:
    """A Belgian national number."""
    year, month, day = _date(random)
    body = f"{year % 100:02d}{month:02d}{day:02d}{random.randint(1, 997):03d}"
    return f"{body}{97 - int(body) % 97:02d}"


def pesel(random: Random) -> str:
    """A Polish number."""
    year, month, day = _date(random)
    body = f"{year % 100:02d}{month:02d}{day:02d}{random.randint(0, 9999):04d}"
    return body + str(-_weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def personnummer(random: Random) -> str:
    """A Swedish number."""
    year, month, day = _date(random)
    return _luhn(f"{year % 100:02d}{month:02d}{day:02d}{random.randint(1, 999):03d}")


def pps(random: Random) -> str:
    """An Irish number."""
    number = digits(random, 7)
    return number + "WABCDEFGHIJKLMNOPQRSTUV"[_weighted(number, range(8, 1, -1)) % 23]


def ahv(random: Random) -> str:
    """A Swiss social security number."""
    body = "756" + digits(random, 9)
    return body + str(-sum(int(d) * (1, 3)[n % 2] for n, d in enumerate(body)) % 10)


def nino(random: Random) -> str:
    """A British national insurance number."""
    return letters(random, 1, "ABCEHJ") + letters(random, 1, "ABCEHJ") + digits(random, 6) + random.choice("ABCD")


def ssn(random: Random) -> str:
    """A number of the social security of the US."""
    return f"{random.randint(100, 665)}{random.randint(10, 99)}{random.randint(1000, 9999)}"
