"""The words of the base report, in Spanish and English: titles of its lists, and what to do about each."""

from typing import Literal

from edge_agent.errors import InputInvalid

ReportLanguage = Literal["en", "es"]

WORDS: dict[ReportLanguage, dict[str, str]] = {
    "en": {
        "title": "State of the base",
        "summary": "{documents} documents, {passages} passages, on {made_on}",
        "by_format": "By format",
        "by_language": "By language",
        "by_root": "By folder",
        "by_age": "By year of the document",
        "none": "none",
        "undated": "undated",
        "mend_first": "What to mend first",
        "all_well": "Nothing to mend was found.",
        "contradictions": "Versions that say different things",
        "contradictions_do": "Both are shown with their dates when someone asks. Delete the one that no longer holds.",
        "stale": "Updates that were refused",
        "stale_do": "The version before still answers. Mend the file as the reason says and ingest it again.",
        "gone": "Documents whose files are gone",
        "gone_do": "They still answer. Put the file back, or delete them with `orilla edge ingest FOLDER --prune`.",
        "refused": "Documents that were refused",
        "refused_do": "Nothing of them is in the base. Mend the file as the reason says and ingest it again.",
        "incomplete": "Documents of which something was left out",
        "incomplete_do": "Look at the places named, mend them in the document and ingest it again.",
        "hidden_text": "Documents with text that no reader sees",
        "hidden_text_do": "It is neither searched nor quoted. If it should be, make it visible; if you did not"
        " write it, ask who made the file.",
        "hidden_text_unit": "characters",
        "duplicates": "Documents that are nearly the same",
        "duplicates_do": "Keep one of each pair, so that an answer cites one place.",
        "hard_to_find": "Documents with passages that are hard to find",
        "hard_to_find_do": "Give tables a row of column names, texts a heading, and the document a title.",
        "outdated": "Documents cut by rules of before",
        "outdated_do": "Ingest them again (`orilla edge ingest FOLDER`): they are found and quoted less well.",
        "old": "Documents older than three years",
        "old_do": "Check whether they still hold.",
        "under": "under",
        "more": "and {count} more",
        "share": "{share} % the same",
    },
    "es": {
        "title": "Estado de la base",
        "summary": "{documents} documentos, {passages} pasajes, a {made_on}",
        "by_format": "Por formato",
        "by_language": "Por idioma",
        "by_root": "Por carpeta",
        "by_age": "Por año del documento",
        "none": "ninguno",
        "undated": "sin fecha",
        "mend_first": "Qué arreglar primero",
        "all_well": "No se ha encontrado nada que arreglar.",
        "contradictions": "Versiones que dicen cosas distintas",
        "contradictions_do": "Cuando alguien pregunta se muestran ambas, con su fecha. Borre la que ya no vale.",
        "stale": "Actualizaciones rechazadas",
        "stale_do": "Responde aún la versión anterior. Arregle el archivo como dice el motivo y vuelva a añadirlo.",
        "gone": "Documentos cuyo archivo ya no está",
        "gone_do": "Aún responden. Devuelva el archivo, o bórrelos con `orilla edge ingest CARPETA --prune`.",
        "refused": "Documentos rechazados",
        "refused_do": "Nada de ellos está en la base. Arregle el archivo como dice el motivo y vuelva a añadirlo.",
        "incomplete": "Documentos de los que se dejó algo fuera",
        "incomplete_do": "Mire los lugares que se indican, arréglelos en el documento y vuelva a añadirlo.",
        "hidden_text": "Documentos con texto que ningún lector ve",
        "hidden_text_do": "Ni se busca ni se cita. Si debe leerse, hágalo visible; si no lo escribió usted,"
        " pregunte quién hizo el archivo.",
        "hidden_text_unit": "caracteres",
        "duplicates": "Documentos casi iguales",
        "duplicates_do": "Conserve uno de cada par, para que una respuesta cite un solo lugar.",
        "hard_to_find": "Documentos con pasajes difíciles de encontrar",
        "hard_to_find_do": "Ponga nombres a las columnas de las tablas, títulos a los textos y un título al documento.",
        "outdated": "Documentos cortados con reglas de antes",
        "outdated_do": "Vuelva a añadirlos (`orilla edge ingest CARPETA`): se encuentran y se citan peor.",
        "old": "Documentos de hace más de tres años",
        "old_do": "Compruebe si siguen valiendo.",
        "under": "bajo",
        "more": "y {count} más",
        "share": "{share} % igual",
    },
}

_REMARKS = {
    "rows of tables without column names": "filas de tablas sin nombres de columna",
    "headings with nothing below them": "títulos sin nada debajo",
    "passages of hardly a word, under no heading": "pasajes de apenas una palabra, sin título",
    ": not there; documents:": ": no está; documentos:",
    "its title says nothing": "su título no dice nada",
}
"""Remarks of the report itself in Spanish; reasons of refusals are in English everywhere."""


def remark_in(language: ReportLanguage, remark: str) -> str:
    """A remark of the report in its language."""
    for english, spanish in _REMARKS.items() if language == "es" else ():
        remark = remark.replace(english, spanish)
    return remark


def report_language(name: str) -> ReportLanguage:
    """The language of a report by its name. Raises `InputInvalid`."""
    for language in WORDS:
        if language == name:
            return language
    raise InputInvalid(f"there is no report in that language; expected one of {', '.join(WORDS)}")
