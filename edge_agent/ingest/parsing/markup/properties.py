"""A page's own title and date, as its head and its marks state them."""

import re
from itertools import islice

from lxml import html

from edge_agent.ingest.parsing.dates import iso_date
from edge_agent.ingest.parsing.titles import own_title

_SITE_GAPS = re.compile(r"\s+(?:\||·|•|»|«|::|—)\s+|\s*\|\s*")
_NAME_GAPS = re.compile(r"\s+[-–:]\s+")
_MODIFIED = (
    "article:modified_time og:updated_time dcterms.modified dc.date.modified datemodified last-modified revised "
    "lastmod modified"
).split()
_PUBLISHED = (
    "article:published_time dc.date dcterms.date dcterms.created dc.date.issued dcterms.issued date datepublished "
    "pubdate publish-date creation_date created"
).split()


def title_of(page: html.HtmlElement, first_heading: str | None) -> str | None:
    """A page's title: its only or first top heading, else what it states without the site's name, else any heading.

    Args:
        page: the root.
        first_heading: the first heading of the highest level in the document.
    """
    heads = [" ".join("".join(head.itertext()).split()) for head in islice(page.iter("h1"), 20)]
    if first_heading and first_heading in heads:
        return first_heading
    metas = _metas(page)
    site = (metas.get("og:site_name") or metas.get("application-name") or "").lower()
    for stated in (metas.get("og:title"), page.findtext(".//title"), metas.get("dc.title")):
        title = own_title(_without_site(" ".join((stated or "").split()), site))
        if title is not None:
            return title
    return first_heading


def date_of(page: html.HtmlElement) -> str:
    """The day that a page says it was last changed, else published, as `YYYY-MM-DD`; "" where it says none."""
    metas = _metas(page)
    marks = {(one.get("itemprop") or "").lower(): one for one in islice(page.iter("time", "meta", "span"), 5_000)}
    for names in (_MODIFIED, _PUBLISHED):
        for name in names:
            mark = marks.get(name)
            stated = metas.get(name) or (mark is not None and (mark.get("datetime") or mark.get("content")))
            found = iso_date(stated or "")
            if found:
                return found
    times = [one for one in islice(page.iter("time"), 2) if one.get("datetime")]
    return iso_date(times[0].get("datetime")) if len(times) == 1 else ""


def _metas(page: html.HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in islice(page.iter("meta"), 500):
        name = (meta.get("property") or meta.get("name") or meta.get("http-equiv") or "").lower()
        found.setdefault(name, (meta.get("content") or "").strip())
    return found


def _without_site(title: str, site: str) -> str:
    """A title without the site's name: `Ayuda | Marea` is `Ayuda`."""
    parts = [part for part in _NAME_GAPS.split(title) if part.lower() != site]
    if site and len(parts) < len(_NAME_GAPS.split(title)):
        return " - ".join(parts)
    parts = [part for part in _SITE_GAPS.split(title) if part and part.lower() != site]
    return parts[0] if parts else title
