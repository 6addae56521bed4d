"""Front matter: the properties that a Markdown document states above its text, in YAML, TOML or JSON."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from edge_agent.ingest.parsing.dates import iso_date
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.text import MAX_TAG_CHARS

_MAX_CHARS, _MAX_TAGS, _MAX_YAML_MARKS = 20_000, 1_000, 2_000
_FENCED = re.compile(r"\s*(---|\+\+\+)[ \t]*\n(.*?)(?<=\n)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LINE = re.compile(r"^([\w-]+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_MODIFIED = ("lastmod", "last_modified_at", "last_modified", "last_updated", "modified", "updated", "date_modified")
_PUBLISHED = ("date", "fecha", "published", "pubdate", "date_published", "created")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The properties that a document states of itself: see `Extract`."""

    title: str | None = None
    tags: tuple[str, ...] = ()
    date: str = ""


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """A document's front matter and the text below it; a rule of dashes above ordinary text is none."""
    if text[:100].lstrip()[:3] not in ("---", "+++"):
        return _split_json(text) if text.startswith("{") else (FrontMatter(), text)
    found = _FENCED.match(text[: _MAX_CHARS + 100])
    if found is None:
        return FrontMatter(), text
    properties = _toml(found[2]) if found[1] == "+++" else _yaml(found[2])
    if properties is None:
        return FrontMatter(), text
    return _stated(properties), text[found.end() :]


def _split_json(text: str) -> tuple[FrontMatter, str]:
    try:
        properties, end = json.JSONDecoder().raw_decode(text[:_MAX_CHARS])
    except (ValueError, RecursionError):
        return FrontMatter(), text
    if not isinstance(properties, dict) or text[end : end + 1] not in ("\n", ""):
        return FrontMatter(), text
    return _stated(properties), text[end:]


def _yaml(text: str) -> Mapping[str, object] | None:
    """The properties of a YAML mapping, all as text; those of its plain lines if it is malformed; None for other text.

    Its aliases share what they name and are never written out, and the loader in Python, unlike that in C, survives
    nesting.
    """
    if not text.strip():
        return {}
    if sum(map(text.count, "[{?-")) > _MAX_YAML_MARKS:
        return _lines(text)
    try:
        made = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (makes nothing but strings, lists and mappings)
    except (yaml.YAMLError, RecursionError, ValueError):
        return _lines(text)
    if made is None:
        return {}
    return made if isinstance(made, dict) else None


def _lines(text: str) -> Mapping[str, object] | None:
    """The properties that each stand in one line."""
    return {name: value.strip("\"'") for name, value in _LINE.findall(text)} or None


def _toml(text: str) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None


def _stated(properties: Mapping[str, object]) -> FrontMatter:
    folded = {str(name).lower(): value for name, value in properties.items()}
    title = folded.get("title")
    dates = (iso_date(_text(folded.get(name))) for name in (*_MODIFIED, *_PUBLISHED))
    return FrontMatter(
        own_title(title) if isinstance(title, str) else None, _tags(folded.get("tags")), next(filter(None, dates), "")
    )


def _tags(stated: object) -> tuple[str, ...]:
    """The tags of a list, or of one text with commas."""
    items = stated.strip("[] \t").split(",") if isinstance(stated, str) else stated if isinstance(stated, list) else []
    tags = (_text(item).strip(" \t\"'") for item in items[:_MAX_TAGS])
    return tuple(tag for tag in tags if 0 < len(tag) <= MAX_TAG_CHARS)


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)
