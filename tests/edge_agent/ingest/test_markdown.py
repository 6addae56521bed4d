"""Markdown as offices and their sites write it: HTML inside, notes, admonitions, shortcodes."""

import pytest

from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits


def read(text: str) -> Extract:
    return extract(text.encode(), DocumentFormat.MARKDOWN, ParsingLimits())


def blocks(text: str) -> list[tuple[str, str]]:
    made = read(text)
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


def test_html_inside_of_markdown_is_text_and_markdown_inside_of_html_too() -> None:
    text = """# Tarifas

<table><tr><th>Plan</th><th>Cuota</th></tr><tr><td rowspan=2>Duna</td><td>8 €</td></tr><tr><td>9 €</td></tr></table>

<div class="note">
Los menores no pagan.
</div>

<details><summary>¿Cómo me doy de baja?</summary>

Llame al **900 000 111**.

</details>

Vea <kbd>F1</kbd>.<br>Fin.
"""
    assert blocks(text) == [
        ("heading", "Tarifas"),
        ("table row", "Plan: Duna | Cuota: 8 €"),
        ("table row", "Plan: Duna | Cuota: 9 €"),
        ("paragraph", "Los menores no pagan."),
        ("heading", "¿Cómo me doy de baja?"),
        ("paragraph", "Llame al 900 000 111."),
        ("paragraph", "Vea F1.\nFin."),
    ]


def test_structure_of_ordinary_markdown_is_kept() -> None:
    text = """Cuotas {#cuotas}
======

Una línea
que sigue.\\
Otra.

Plan | Cuota
--- | ---:
Duna | 4 \\| 5 €

3. Tres
   - Bajo tres

     Sigue.
4. [x] Cuatro

```python
# a
```

    b = 1

[ref]: https://marea.example "x"
"""
    assert blocks(text) == [
        ("heading", "Cuotas"),
        ("paragraph", "Una línea que sigue.\nOtra."),
        ("table row", "Plan: Duna | Cuota: 4 / 5 €"),
        ("list item", "3. Tres"),
        ("list item", "- Bajo tres"),
        ("paragraph", "Sigue."),
        ("list item", "4. [x] Cuatro"),
        ("code", "# a"),
        ("code", "b = 1"),
    ]


def test_notes_stand_behind_the_block_that_refers_to_them() -> None:
    text = "Son 23 días[^a] y[^b] más.\n\nSigue.\n\n[^b]: Otra.\n\n[^a]: En *2025*.\n"
    assert [text for _, text in blocks(text)] == ["Son 23 días[1] y[2] más.", "[1] En 2025.", "[2] Otra.", "Sigue."]


def test_struck_text_and_comments_are_left_out_and_said() -> None:
    made = read(
        "La cuota es ~~30~~ 36 €.\n\n<!-- SECRET -->\n\nVale<!-- SECRET -->.\n\n{% comment %}SECRET{% endcomment %}\n"
    )
    assert made.text == "La cuota es 36 €.\n\nVale."
    assert made.notices == ("struck text is left out (1 times)",)
    assert made.invisible_chars >= 3 * len("SECRET")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('!!! warning "Ojo"\n    Hay gas.\n\n    Y `más`.\n\nFin.', ["Ojo", "Hay gas.", "Y más.", "Fin."]),
        ("??? note\n    Hay gas.", ["Note", "Hay gas."]),
        ('=== "Linux"\n    Use `apt`.\n\n=== "Mac"\n    Use brew.', ["Linux", "Use apt.", "Mac", "Use brew."]),
        ("> [!IMPORTANT]\n> Hay gas.", ["Important: Hay gas."]),
        (":::tip[Consejo]\nBeba.\n:::\n", ["Consejo", "Beba."]),
        ('{{< tabs >}}\n{{% alert title="x" %}}\nBeba.\n{{% /alert %}}\n{{< /tabs >}}', ["Beba."]),
        ("{% if x %}Beba.{% endif %} Use `{% y %}`.", ["Beba. Use {% y %}."]),
        ("import Tabs from '@theme/Tabs';\n\nBeba.", ["Beba."]),
        ("# Uno\n{: .no_toc }\n\n[TOC]\n\nBeba.", ["Uno", "Beba."]),
        ("Plazo\n: Nueve días\n\n¿Quién?\n: Nadie.", ["Plazo: Nueve días", "¿Quién?", "Nadie."]),
        ("Sea $a_1*b*c$ y cuesta $5 y $10.", ["Sea a_1*b*c y cuesta $5 y $10."]),
        ("![Red de dos nodos](a.png)\n\nVale ![x](b.png).", ["Red de dos nodos", "Vale ."]),
        ("Llame [aquí](tel:+34900111222).", ["Llame aquí (+34900111222)."]),
        ("Hola {{ nombre }}.", ["Hola {{ nombre }}."]),
    ],
)
def test_what_sites_add_to_markdown_is_read_as_it_is_shown(text: str, expected: list[str]) -> None:
    assert [block for _, block in blocks(text)] == expected


def test_code_keeps_what_looks_like_tags() -> None:
    text = "```\n{% raw %}\n!!! note\n    x\nimport a from 'a'\n```\n\nFin."
    assert blocks(text)[0] == ("code", "{% raw %}\n!!! note\n    x\nimport a from 'a'")


def test_a_title_is_stated_or_the_first_of_the_highest_headings() -> None:
    assert read("---\ntitle: Ayuda\n---\n# Otra\n\nHola.").title == "Ayuda"
    assert read("## Segunda\n\nHola.\n\n# Primera\n\nVale.").title == "Primera"
    assert read("Hola.").title is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000 + "Hola.",
        "*a" * 50_000 + " Hola.",
        "".join("a" + "`" * n for n in range(300)) + " Hola.",
        "{%" * 50_000 + "\n\nHola.",
        "{/*" * 50_000 + "\n\nHola.",
        "{% comment %}" * 20_000 + "\n\nHola.",
        "!!! a\n" * 20_000 + "\nHola.",
        "[^a]" * 20_000 + "\n\n[^a]: Hola.",
        "|" * 20_000 + "\n" + "|-" * 20_000 + "\n\nHola.",
        "<!--" * 20_000 + "\n-->\n\nHola.",
    ],
    ids=lambda text: text[:8],
)
def test_hostile_markdown_is_read_in_linear_time(text: str) -> None:
    assert "Hola." in read(text).text
