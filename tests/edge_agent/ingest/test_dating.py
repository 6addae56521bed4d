"""Dates that titles and file names state."""

import pytest

from edge_agent.ingest.dating import date_of, stated_date


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
    ],
)
def test_a_title_states_its_date(title: str, date: str) -> None:
    assert stated_date(title) == date


def test_the_year_of_a_title_goes_before_the_date_of_its_file() -> None:
    assert date_of("Tarifas 2023", "2026-05-01") == "2023"
    assert date_of("Tarifas 2026", "2026-05-01") == "2026-05-01"
    assert date_of("Tarifas", "2026-05-01") == "2026-05-01"
    assert date_of("Tarifas", "") == ""
