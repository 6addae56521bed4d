"""Report pages: nothing of what they are given becomes markup, and numbers stand under their names."""

from federation.center.report_page import facts, page, picture, section, table

HOSTILE = "<script>alert('&')</script>"
HARMLESS = "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"


def test_text_never_becomes_markup() -> None:
    made = page(
        HOSTILE,
        facts([(HOSTILE, HOSTILE)]),
        table([HOSTILE], [[HOSTILE]]),
        section(HOSTILE, ""),
        picture(b"\x89PNG", f'"{HOSTILE}'),
    ).decode()
    assert "<script" not in made
    assert made.count(HARMLESS) == 8  # title twice, two facts, name and cell, heading, what the picture shows
    assert 'alt="&#34;' in made


def test_columns_of_numbers_stand_to_the_right_with_their_names() -> None:
    made = table(["branch", "delta", "mixed"], [["north", "1e-05", "1"], ["south", "2", "-"]])
    assert '<th>branch</th><th class="number">delta</th><th>mixed</th>' in made
    assert '<td>north</td><td class="number">1e-05</td><td>1</td>' in made


def test_a_table_without_rows_has_its_names() -> None:
    assert table(["reason", "times"], []) == "<table><tr><th>reason</th><th>times</th></tr></table>"
