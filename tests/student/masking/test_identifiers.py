"""What the rules find: each kind in its writings, and numbers that are no one's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from student.masking.identifiers import find_identifiers
from student.masking.pseudonyms import mask_text

FOUND = [
    ("write to ana.perez+web@correo.example.es please", "email", "ana.perez+web@correo.example.es"),
    ("ana (arroba) correo (punto) com", "email", "ana (arroba) correo (punto) com"),
    ("soy ana arroba correo punto es, gracias", "email", "ana arroba correo punto es"),
    ('a "ana perez"@correo.example hoy', "email", '"ana perez"@correo.example'),
    ("mail: ana @ correo . com", "email", "ana @ correo . com"),
    ("ana[at]correo[dot]com", "email", "ana[at]correo[dot]com"),
    ("a n a @ c o r r e o . c o m", "email", "a n a @ c o r r e o . c o m"),
    ("ana@cor\u200breo.com", "email", "ana@cor\u200breo.com"),
    ("ñandú 🚀 <a@b.example> ñ", "email", "a@b.example"),
    ("llame al 612 345 678", "phone", "612 345 678"),
    ("o al +34 912 345 678", "phone", "+34 912 345 678"),
    ("call +44 20 7946 0958 now", "phone", "+44 20 7946 0958"),
    ("(011) 4321-1234", "phone", "(011) 4321-1234"),
    ("my phone is 555 123 4567", "phone", "555 123 4567"),
    ("card 4111 1111 1111 1111 exp 12/27", "card", "4111 1111 1111 1111"),
    ("paga 4111.1111.1111.1111", "card", "4111.1111.1111.1111"),
    ("3782-822463-10005", "card", "3782-822463-10005"),
    ("IBAN ES91 2100 0418 4502 0005 1332, gracias", "iban", "ES91 2100 0418 4502 0005 1332"),
    ("paga a gb82west12345698765432 hoy", "iban", "gb82west12345698765432"),
    ("ES91.2100.0418.4502.0005.1332", "iban", "ES91.2100.0418.4502.0005.1332"),
    ("cuenta 2100 0418 45 0200051332", "account", "2100 0418 45 0200051332"),
    ("2100-0418-45-0200051332", "account", "2100-0418-45-0200051332"),
    ("CLABE 032180000118359719", "account", "032180000118359719"),
    ("CBU 2850590940090418135201", "account", "2850590940090418135201"),
    ("alias: PERRO.GATO.CASA", "account", "PERRO.GATO.CASA"),
    ("mi DNI es 12345678Z", "id", "12345678Z"),
    ("el 12.345.678-Z soy yo", "id", "12.345.678-Z"),
    ("1 2 3 4 5 6 7 8 Z", "id", "1 2 3 4 5 6 7 8 Z"),
    ("DNI 12345678A", "id", "12345678A"),  # mistyped, after its word
    ("NIE X1234567L y ya", "id", "X1234567L"),
    ("CURP BOXW310820HNERXN09 va", "id", "BOXW310820HNERXN09"),
    ("GODE561231GR8", "id", "GODE561231GR8"),
    ("clave de elector GMVLMR80070501M100", "id", "GMVLMR80070501M100"),
    ("CUIT 20-05536168-2.", "id", "20-05536168-2"),
    ("DNI 30.123.456, Rosario", "id", "30.123.456"),
    ("el 30123456 es mi DNI", "id", "30123456"),
    ("RUT 12.531.909-2", "id", "12.531.909-2"),
    ("C.C. 1.020.345.678 de Bogotá", "id", "1.020.345.678"),
    ("CPF 390.533.447-05 ok", "id", "390.533.447-05"),
    ("VAT DE 136 695 976", "id", "DE 136 695 976"),
    ("PESEL 44051401359", "id", "44051401359"),
    ("NUSS 28 12345678 40", "social_security", "28 12345678 40"),
    ("AB 12 34 56 C", "social_security", "AB 12 34 56 C"),
    ("pasaporte nº AAB123456", "passport", "AAB123456"),
    ("matrícula 1234 BCD", "plate", "1234 BCD"),
    ("SWIFT: BBVAESMMXXX", "bic", "BBVAESMMXXX"),
    ("el CVV es 123", "cvv", "123"),
    ("my PIN is 4821", "pin", "4821"),
    ("mi contraseña es Perro123!", "password", "Perro123!"),
    ("contraseña: secreto", "password", "secreto"),
    ("nací el 12 de marzo de 1980 en Lugo", "birth_date", "12 de marzo de 1980"),
    ("date of birth: 03/04/1980", "birth_date", "03/04/1980"),
    ("desde la IP 203.0.113.7", "ip", "203.0.113.7"),
    ("fe80::1ff:fe23:4567:890a", "ip", "fe80::1ff:fe23:4567:890a"),
    ("00:1A:2B:3C:4D:5E", "mac", "00:1A:2B:3C:4D:5E"),
    ("en https://x.example/a?token=abcd1234 está", "url", "https://x.example/a?token=abcd1234"),
    ("postgres://admin:s3cr3t@db:5432/x", "url", "postgres://admin:s3cr3t@db:5432/x"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123def", "jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123def"),
    ("AKIAIOSFODNN7EXAMPLE", "api_key", "AKIAIOSFODNN7EXAMPLE"),
    ("api_key = abcd1234efgh", "api_key", "abcd1234efgh"),
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_personal_data_are_found_whole(text: str, kind: str, value: str) -> None:
    assert [(span.kind, text[span.start : span.end]) for span in find_identifiers(text)] == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112 of 2026-11-21",  # fails its check digit
        "ES91 2100 0418 4502 0005 1333 is no IBAN",
        "14.90 € on the 3rd and 5th of May 2026",
        "version 1.2.3 on port 8080, error 0x80070057",
        "192.0.2.17 TTL 3600",
        "los 48 horas de las 24:00",
        "pedido 612345678",
        "Pedido n.º 12345678, factura 2026/001234",
        "transferencia de 1.234.567,89 € y 30.123.456 pesos",
        "versión 4.2.1.10",
        "127.0.0.1, 255.255.255.0 and 10.0.0.0/8",
        "call free of charge 900 123 456",
        "the password is required",
        "Password: enter the password of the user",
        "la contraseña es incorrecta",
        "std::cout << a::b",
        "look at orilla.example and meet at the bank",
        "SWIFT transfers to 27 countries",
        "48f2ce81-5df4-44a5-958c-f7f9d6dabdce",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "from 1,000,000 to 5,000,000 in 2024-2025",
        "https://learn.example.com/en-us/how-to-set-up-vat",
        "",
    ],
)
def test_other_numbers_and_words_stay(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(max_size=80), st.text(max_size=80))
def test_an_email_is_masked_in_any_surroundings(before: str, after: str) -> None:
    assert "ana@correo.example" not in mask_text(f"{before} ana@correo.example {after}")


@given(st.text(alphabet="0123456789 .-+/()ESabcXZ@:\n\u200b", max_size=60))
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    places = [(span.start, span.end) for span in find_identifiers(text)]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(first[1] <= second[0] for first, second in pairwise(places))


@pytest.mark.parametrize("separator", ["\n\n", "\n", " "])
def test_a_long_text_has_the_spans_of_its_parts(separator: str) -> None:
    line = f"una línea de relleno, DNI 12345678Z, o «ana@correo.example»{separator}"
    text = line * 3_000
    places = [(span.start % len(line), span.end - span.start) for span in find_identifiers(text)]
    assert places == [(26, 9), (40, 18)] * 3_000
