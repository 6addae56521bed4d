"""Values without check digits: e-mail as people hide it, telephones, passports, plates, keys, passwords, dates."""

import base64
import json
import string
from random import Random

from benchmarks.masking_truth.values import Make, digits, letters
from benchmarks.masking_truth.writings import Write

_FIRST = "ana luis marta jose carmen pablo lucia david john emma oliver grace peter alice".split()
_LAST = "garcia perez lopez ruiz moreno diaz smith jones taylor brown walker evans".split()
_HOSTS = "correo.example mail.example banco.es empresa.com.mx outlook.com gmail.com yahoo.es proveedor.com.ar".split()
_ALPHABET = string.ascii_letters + string.digits


def email(random: Random) -> str:
    """An address."""
    first, last = random.choice(_FIRST), random.choice(_LAST)
    local = random.choice(
        [f"{first}.{last}", f"{first}{random.randint(1, 99)}", f"{first[0]}{last}", f"{first}_{last}"]
    )
    return f"{local}@{random.choice(_HOSTS)}"


def hidden_email(at: str, dot: str) -> Write:
    """A writing of an address with other signs for "at" and the dots of its domain."""

    def write(value: str) -> str:
        local, _, host = value.partition("@")
        return f"{local}{at}{host.replace('.', dot)}"

    return write


def quoted_email(value: str) -> str:
    """An address whose local part is in quotes, with a space."""
    local, _, host = value.partition("@")
    return f'"{local.replace(".", " ").replace("_", " ")}"@{host}'


def phone_of_spain(random: Random) -> str:
    """A mobile or landline."""
    return random.choice(["6", "6", "7"]) + str(random.randint(1, 4)) + digits(random, 7)


def phone_of_mexico(random: Random) -> str:
    """Ten digits of Mexico City, Guadalajara or Monterrey."""
    return random.choice(["55", "33", "81"]) + digits(random, 8)


def phone_of_colombia(random: Random) -> str:
    """A mobile."""
    return random.choice(["300", "310", "315", "320"]) + digits(random, 7)


def phone_of_argentina(random: Random) -> str:
    """A landline of Buenos Aires."""
    return "114" + digits(random, 7)


def phone_of_the_us(random: Random) -> str:
    """A number of Washington or New York."""
    return random.choice(["202", "212", "646"]) + str(random.randint(2, 9)) + digits(random, 6)


def phone_of_britain(random: Random) -> str:
    """A mobile."""
    return "079" + random.choice("1234") + digits(random, 7)


def passport(random: Random) -> str:
    """A passport of Spain, Mexico, the UK or the US."""
    return random.choice(
        [letters(random, 3) + digits(random, 6), letters(random, 1) + digits(random, 8), digits(random, 9)]
    )


def plate(random: Random) -> str:
    """A car's plate of Spain, Argentina, Colombia, Chile or Britain."""
    consonants = "BCDFGHJKLMNPRSTVWXYZ"
    return random.choice(
        [
            f"{random.randint(0, 9999):04d} {letters(random, 3, consonants)}",
            f"{random.randint(0, 9999):04d}{letters(random, 3, consonants)}",
            f"{letters(random, 2)} {digits(random, 3)} {letters(random, 2)}",
            f"{letters(random, 3)} {digits(random, 3)}",
            f"{letters(random, 3)}-{digits(random, 3)}",
            f"{letters(random, 4, consonants)}-{digits(random, 2)}",
            f"{letters(random, 2)}{digits(random, 2)} {letters(random, 3)}",
            f"M-{digits(random, 4)}-{letters(random, 2)}",
        ]
    )


def argentine_dni(random: Random) -> str:
    """An Argentine identity number, in thousands."""
    return f"{random.randint(11_000_000, 46_000_000):,}".replace(",", ".")


def cedula(random: Random) -> str:
    """A Colombian identity number, in thousands."""
    least, most = random.choice([(19_000_000, 99_000_000), (1_000_000_000, 1_190_000_000)])
    return f"{random.randint(least, most):,}".replace(",", ".")


def bic(random: Random) -> str:
    """A SWIFT code."""
    return letters(random, 4) + random.choice(["ES", "MX", "GB", "AR", "CO"]) + "MM" + random.choice(["", "XXX", "BIL"])


def _token(random: Random, count: int, of: str = _ALPHABET) -> str:
    return "".join(random.choice(of) for _ in range(count))


def api_key(random: Random) -> str:
    """A key of a known vendor."""
    return random.choice(
        [
            "AKIA" + _token(random, 16, string.ascii_uppercase + string.digits),
            "ghp_" + _token(random, 36),
            "sk-" + _token(random, 48),
            "sk_" + "live_" + _token(random, 24),
            "xoxb-" + digits(random, 11) + "-" + _token(random, 24),
            "AIza" + _token(random, 35),
            "glpat-" + _token(random, 20),
            "hf_" + _token(random, 34),
        ]
    )


def random_key(random: Random) -> str:
    """A key of nobody known: 40 letters and digits."""
    return _token(random, 40)


def jwt(random: Random) -> str:
    """A signed token."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": digits(random, 8), "iat": 1_700_000_000}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, _token(random, 43)])


def password(random: Random) -> str:
    """A password as people choose them."""
    word = random.choice("perro gatito verano sevilla madrid dragon sunshine orange".split())
    return random.choice(
        [
            f"{word.title()}{random.randint(1, 9999)}!",
            f"{word}{random.randint(10, 99)}",
            _token(random, 12),
            f"{word}_{digits(random, 4)}#",
        ]
    )


def pin(random: Random) -> str:
    """Four or six digits."""
    return digits(random, random.choice([4, 6]))


def cvv(random: Random) -> str:
    """Three digits."""
    return digits(random, 3)


def ipv4(random: Random) -> str:
    """An address of a host."""
    first = random.choice([10, 81, 172, 189, 203])
    return ".".join(map(str, [first, random.randint(1, 250), random.randint(1, 250), random.randint(2, 250)]))


def ipv6(random: Random) -> str:
    """An address of a host."""
    hexadecimal = [f"{random.randint(1, 65535):x}" for _ in range(7)]
    return random.choice(
        [
            "2a02:" + ":".join(hexadecimal),
            "fe80::" + ":".join(hexadecimal[:4]),
            "2001:db8::" + hexadecimal[0] + ":" + hexadecimal[1],
        ]
    )


def mac(random: Random) -> str:
    """Six pairs."""
    return random.choice(":-").join(f"{random.randint(0, 255):02X}" for _ in range(6))


def url(random: Random) -> str:
    """A link that opens something."""
    return random.choice(
        [
            f"https://banco.example/acceso?token={_token(random, 24)}",
            f"https://ana:{_token(random, 10)}@intranet.example/panel",
            f"https://app.example/reset/{_token(random, 32)}",
            f"https://files.example/d?id=7&sig={_token(random, 20)}&v=2",
            f"postgres://admin:{_token(random, 12)}@db.example:5432/clientes",
        ]
    )


def birth_date(language: str) -> Make:
    """A maker of dates in a language."""
    months = {
        "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "en": "January February March April May June July August September October November December",
    }[language].split()

    def make(random: Random) -> str:
        year, month, day = random.randint(1940, 2006), random.randint(1, 12), random.randint(1, 28)
        word = months[month - 1]
        in_words = (
            f"{day} de {word} de {year}"
            if language == "es"
            else random.choice([f"{word} {day}, {year}", f"{day} {word} {year}"])
        )
        return random.choice(
            [
                in_words,
                f"{day:02d}/{month:02d}/{year}",
                f"{year}-{month:02d}-{day:02d}",
                f"{day}.{month}.{year}",
                f"{day:02d}-{month:02d}-{year % 100:02d}",
            ]
        )

    return make


def mx_alias(random: Random) -> str:
    """An alias of an Argentine account."""
    words = "PERRO GATO CASA LUNA MESA RIO SOL PAN TREN NUBE".split()
    return ".".join(random.sample(words, 3))
