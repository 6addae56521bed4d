"""Dates that titles and file names state."""

import pytest

from edge_agent.ingest.dating import date_of, said_date, stated_date


@pytest.mark.parametrize(
    ("title", "date"),
    [
        ("Tarifas 2025", "2025"),
        ("Policy (March 2024)", "2024-03"),
        ("Condiciones, marzo de 2024", "2024-03"),
        ("horario_2026-01-15.pdf", "2026-01-15"),
        ("Acta del 3/12/2024", "2024-12-03"),
        ("Vacaciones 2024-2025", "2025"),
        ("ISO 9001", ""),
        ("Teléfono 912025123", ""),
        ("Backups", ""),
        ("HP2055dn", ""),
        ("order-PC1999x", ""),
        ("Extension 2099", ""),
    ],
)
def test_a_title_states_its_date(title: str, date: str) -> None:
    assert stated_date(title) == date


def test_the_year_of_a_title_goes_before_the_date_of_its_file() -> None:
    assert date_of("Tarifas 2023", "", "2026-05-01") == "2023"
    assert date_of("Tarifas 2026", "", "2026-05-01") == "2026-05-01"
    assert date_of("Tarifas", "", "2026-05-01") == "2026-05-01"
    assert date_of("Tarifas", "", "") == ""


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("# Dietas\n\nVigente desde el 1 de marzo de 2026.\n\nSon 53 euros.", "2026-03-01"),
        ("Parking\n\nLast updated: 8 May 2026", "2026-05-08"),
        ("Effective: January 3rd, 2025. Meals cost 9 euros.", "2025-01-03"),
        ("Guía de viajes. Revisión de octubre de 2022.", "2022-10"),
        ("Versión 2.0 - 15/06/2026", "2026-06-15"),
        ("We opened in 1998 and moved on 3 May 2001.", ""),
    ],
)
def test_a_text_says_how_old_it_is(text: str, date: str) -> None:
    assert said_date(text) == date


def test_the_most_exact_of_the_dates_that_agree_counts() -> None:
    assert date_of("Tarifas 2026", "Actualizado el 15/06/2026.", "2026-09-09") == "2026-06-15"
    assert date_of("Tarifas 2023", "Actualizado el 15/06/2026.", "") == "2023"
