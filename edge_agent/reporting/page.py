"""The base report as a page: one HTML file without scripts, that loads nothing from anywhere."""

from collections.abc import Iterator, Mapping
from html import escape

from edge_agent.reporting.base_report import UNDATED, BaseReport, Named, Pair, Versions
from edge_agent.reporting.words import WORDS, ReportLanguage, remark_in

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; --bar: #2a6f97; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin: 2rem 0 .25rem; font-size: 1.2rem; } p { margin: .25rem 0 .75rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 0 2rem; }
table { border-collapse: collapse; width: 100%; overflow-wrap: anywhere; }
td { padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td.count { text-align: right; width: 4rem; } td.bar { width: 40%; }
.bar div { background: var(--bar); height: .7rem; margin-top: .4rem; border-radius: 2px; }
.source { opacity: .7; font-size: .85em; } .number { background: var(--soft); border-radius: 1rem; padding: 0 .6rem; }
nav a { color: inherit; margin-right: 1rem; white-space: nowrap; }
"""


def report_page(report: BaseReport, language: ReportLanguage = "en") -> str:
    """The report as HTML, in Spanish or English; whatever a title holds is shown as text."""
    words = WORDS[language]
    summary = words["summary"].format(**{k: getattr(report, k) for k in ("documents", "passages", "made_on")})
    parts = [
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{words['title']}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{words['title']}</h1><p>{summary}</p>",
        _mend_first(report, words),
        '<div class="figures">',
        *(
            _counts(words[name], getattr(report, name), words)
            for name in ("by_format", "by_language", "by_root", "by_age")
            if any(getattr(report, name))
        ),
        "</div>",
        *(_list(report, name, language) for name in report.to_mend),
        "</main></body></html>",
    ]
    return "\n".join(parts)


def _mend_first(report: BaseReport, words: Mapping[str, str]) -> str:
    if not report.to_mend:
        return f"<p>{words['all_well']}</p>"
    links = " ".join(
        f'<a href="#{name}">{words[name]} <span class="number">{report.counts[name]}</span></a>'
        for name in report.to_mend
    )
    return f"<h2>{words['mend_first']}</h2><nav>{links}</nav>"


def _counts(title: str, counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    most = max(counts.values(), default=1)
    names = {"": words["none"], UNDATED: words["undated"]}
    rows = "".join(
        f'<tr><td>{escape(names.get(name, name))}</td><td class="count">{count}</td>'
        f'<td class="bar"><div style="width: {100 * count // most}%"></div></td></tr>'
        for name, count in counts.items()
    )
    return f"<section><h2>{title}</h2><table>{rows}</table></section>"


def _list(report: BaseReport, name: str, language: ReportLanguage) -> str:
    words = WORDS[language]
    rows = "".join(f"<tr>{row}</tr>" for entry in getattr(report, name) for row in _rows(name, entry, language))
    left = report.counts[name] - len(getattr(report, name))
    more = f"<p>{words['more'].format(count=left)}</p>" if left else ""
    return (
        f'<h2 id="{name}">{words[name]} <span class="number">{report.counts[name]}</span></h2>'
        f"<p>{words[f'{name}_do']}</p><table>{rows}</table>{more}"
    )


def _rows(name: str, entry: Named | Pair | Versions, language: ReportLanguage) -> Iterator[str]:
    words = WORDS[language]
    if isinstance(entry, Pair):
        share = words["share"].format(share=round(100 * entry.share))
        yield f"<td>{_document(entry.one)}</td><td>{_document(entry.other)}</td><td>{share}</td>"
    elif isinstance(entry, Versions):
        documents = "<br>".join(f"{escape(each.remark)} {_document(each)}" for each in entry.documents)
        headings = ", ".join(escape(heading) for heading in entry.headings if heading)
        yield f"<td>{documents}</td><td>{words['under'] + ': ' + headings if headings else ''}</td>"
    else:
        unit = f" {words['hidden_text_unit']}" if name == "hidden_text" else ""
        yield f"<td>{_document(entry)}</td><td>{escape(remark_in(language, entry.remark))}{unit}</td>"


def _document(named: Named) -> str:
    title = f"{escape(named.title)} " if named.title else ""
    return f'{title}<span class="source">{escape(named.full_name)}</span>'
