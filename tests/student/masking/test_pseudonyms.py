"""Masks: one number for one thing, overlaps by one rule, nothing masked twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from student.masking.pseudonyms import Masked, Pseudonyms, mask_text, moved
from student.masking.spans import Kind, Span, without_overlaps


def test_the_same_thing_has_the_same_mask_however_it_is_written() -> None:
    text = "a@b.example, 12345678Z; A@B.example, 12.345.678-z, c@b.example"
    assert mask_text(text) == "[EMAIL_1], [ID_1]; [EMAIL_1], [ID_1], [EMAIL_2]"
    assert mask_text("ana@correo.com (ana arroba correo punto com)").count("[EMAIL_1]") == 2
    assert mask_text("+34 612 345 678, 612345678") == "[PHONE_1], [PHONE_1]"


def test_parts_of_a_document_share_their_masks() -> None:
    pseudonyms = Pseudonyms()
    assert pseudonyms.mask("a@b.example").text == "[EMAIL_1]"
    assert pseudonyms.mask("c@b.example and a@b.example").text == "[EMAIL_2] and [EMAIL_1]"


def test_numbers_go_on_after_those_of_a_text_that_was_masked_before() -> None:
    assert mask_text("[EMAIL_3] and a@b.example") == "[EMAIL_3] and [EMAIL_4]"


@pytest.mark.parametrize(
    "text", ["password: [PASSWORD_1]", "tel [PHONE_1] / [PHONE_2]", "DNI [ID_1], nacido el [BIRTH_DATE_1]"]
)
def test_masks_are_left_alone(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(alphabet="0123456789 .-ESaXZ@:=dnipass\n", max_size=80))
def test_masking_a_masked_text_again_changes_nothing(text: str) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)


def test_spans_that_overlap_are_one_and_what_the_longest_is() -> None:
    short, long, apart = Span(0, 4, Kind.PHONE, "a"), Span(2, 9, Kind.URL, "b"), Span(9, 12, Kind.ID, "c")
    assert without_overlaps([apart, long, short]) == [Span(0, 9, Kind.URL, "b"), apart]
    same = [Span(0, 4, Kind.PHONE, "a"), Span(0, 4, Kind.CARD, "b")]
    assert [span.kind for span in without_overlaps(same)] == [Kind.CARD]


def test_spans_found_otherwise_are_masked_too() -> None:
    name = Span(4, 13, Kind.NAME, "a head")
    assert mask_text("soy Ana Pérez, DNI 12345678Z", [name]) == "soy [NAME_1], DNI [ID_1]"


def test_counts_and_places_are_those_of_the_masked_text() -> None:
    masked = Pseudonyms().mask("de a@b.example a c@d.example.")
    assert masked.text == "de [EMAIL_1] a [EMAIL_2]."
    assert masked.counts() == {Kind.EMAIL: 2}
    assert moved(masked, [0, 3, 14, 17, 20, 29]) == [0, 3, 12, 15, 24, 25]
    assert moved(Masked("ab", (), ()), [0, 2]) == [0, 2]
