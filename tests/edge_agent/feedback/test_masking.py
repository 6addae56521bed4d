"""Masking: identifiers go, everything else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.feedback.masking import find_identifiers, mask_identifiers


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ana.perez+web@correo.example.es please", "write to <email> please"),
        ("IBAN ES91 2100 0418 4502 0005 1332, gracias", "IBAN <iban>, gracias"),
        ("paga a GB82WEST12345698765432 hoy", "paga a <iban> hoy"),
        ("card 4111 1111 1111 1111 exp 12/27", "card <card> exp 12/27"),
        ("mi DNI es 12345678Z", "mi DNI es <id>"),
        ("NIE X1234567L y ya", "NIE <id> y ya"),
        ("CURP BOXW310820HNERXN09 va", "CURP <id> va"),
        ("CUIT 20-05536168-2.", "CUIT <id>."),
        ("RUT 12.531.909-2", "RUT <id>"),
        ("CPF 390.533.447-05 ok", "CPF <id> ok"),
        ("llame al 612 345 678 o al +34 912 345 678", "llame al <phone> o al <phone>"),
        ("call +44 20 7946 0958 now", "call <phone> now"),
        ("ñandú 🚀 <a@b.example> ñ", "ñandú 🚀 <<email>> ñ"),
    ],
)
def test_identifiers_are_masked(text: str, masked: str) -> None:
    assert mask_identifiers(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112 of 2026-11-21",  # fails its check digit
        "ES91 2100 0418 4502 0005 1333 is no IBAN",
        "DNI 12345678A",
        "14.90 € on the 3rd and 5th of May 2026",
        "version 1.2.3 on port 8080, error 0x80070057",
        "192.0.2.17 TTL 3600",
        "los 48 horas de las 24:00",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask_identifiers(text) == text


@given(st.text(max_size=80), st.text(max_size=80))
def test_an_email_is_masked_in_any_surroundings(before: str, after: str) -> None:
    assert "ana@correo.example" not in mask_identifiers(f"{before} ana@correo.example {after}")


@given(st.text(alphabet="0123456789 .-+ESabcX@", max_size=60))
def test_what_is_found_lies_in_the_text(text: str) -> None:
    assert all(0 <= start < end <= len(text) for start, end, _ in find_identifiers(text))
    mask_identifiers(text)
