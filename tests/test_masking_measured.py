"""Planted personal data are masked in every writing and ordinary sentences are not (a part of `benchmarks.masking`)."""

from importlib import import_module
from random import Random

import pytest
from stdnum import iban

from benchmarks.masking_truth import values
from benchmarks.masking_truth.ordinary import sentences
from benchmarks.masking_truth.planted import Planted, plant
from student.masking.identifiers import find_identifiers

SEED, REPEATS = 5, 6
# The benchmark's own check digits → python-stdnum's, so that neither is trusted by itself.
CHECKED_TWICE = {
    "card": "luhn", "ccc": "es.ccc", "cbu": "ar.cbu", "dni": "es.dni", "nie": "es.nie", "cif": "es.cif",
    "curp": "mx.curp", "cuit": "ar.cuit", "rut": "cl.rut", "nit": "co.nit", "cpf": "br.cpf", "cnpj": "br.cnpj",
    "ruc": "pe.ruc", "vat_of_germany": "eu.vat", "vat_of_italy": "eu.vat", "codice_fiscale": "it.codicefiscale",
    "nir": "fr.nir", "belgian": "be.nn", "pesel": "pl.pesel", "personnummer": "se.personnummer", "pps": "ie.pps",
    "ahv": "ch.ssn", "ssn": "us.ssn",
}  # fmt: skip


def is_masked(planted: Planted) -> bool:
    return any(span.start <= planted.start and planted.end <= span.end for span in find_identifiers(planted.text))


@pytest.mark.parametrize("name", CHECKED_TWICE)
def test_the_check_digits_of_the_truth_are_right_by_another_program(name: str) -> None:
    random, validator = Random(SEED), import_module(f"stdnum.{CHECKED_TWICE[name]}")
    assert all(validator.is_valid(getattr(values, name)(random)) for _ in range(50))


def test_the_check_digits_of_ibans_are_right_by_another_program() -> None:
    random = Random(SEED)
    assert all(iban.is_valid(values.iban(random), check_country=False) for _ in range(50))


def test_checked_values_are_masked_in_every_writing_and_nothing_beside_them() -> None:
    planted = [each for each in plant(SEED, REPEATS) if each.is_checked]
    missed = [each.text for each in planted if not is_masked(each)]
    assert len(missed) <= 0.01 * len(planted), missed
    beside = [
        each.text
        for each in planted
        for span in find_identifiers(each.text)
        if span.end <= each.start or each.end <= span.start
    ]
    assert len(beside) <= 0.01 * len(planted), beside


def test_other_values_are_masked_in_every_writing() -> None:
    planted = [each for each in plant(SEED, REPEATS) if not each.is_checked]
    missed = [each.text for each in planted if not is_masked(each)]
    assert len(missed) <= 0.02 * len(planted), missed


def test_ordinary_sentences_stay() -> None:
    texts = list(sentences(SEED, 640))
    masked = [text for text in texts if find_identifiers(text)]
    assert len(masked) <= 0.02 * len(texts), masked
