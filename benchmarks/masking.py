"""Masking: how many of planted values are found whole, what else is masked, on public sets too, and how fast.

`ORILLA_PRESIDIO` names the Python of an environment with presidio-analyzer, to measure it beside, with its rules alone
and no model; without it the figures that were measured last stay.
"""

import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.masking_truth.ordinary import sentences
from benchmarks.masking_truth.planted import Planted, plant
from student.masking.identifiers import find_identifiers

DATA = Path(__file__).parents[2] / "shared" / "data"
WORKER = Path(__file__).with_name("presidio_worker.py")
LAST = Path(__file__).parent / "results" / "masking.json"
SEED, REPEATS, ORDINARY = 20261130, 40, 3200
GUIDES = ("help_bc", "help_m365_es", "help_hetzner", "help_letsencrypt")
_GUIDES_CHARS = 1_500_000
# Labels of the public sets that rules can find → kinds that are right for them.
PUBLIC = {
    "pii_presidio/train.jsonl": {
        "CREDIT_CARD": {"card"}, "EMAIL_ADDRESS": {"email"}, "IBAN_CODE": {"iban"}, "IP_ADDRESS": {"ip"},
        "PHONE_NUMBER": {"phone"}, "US_SSN": {"social_security"},
    },
    "pii_meddocan_es/dev.jsonl": {
        "CORREO_ELECTRONICO": {"email"}, "NUMERO_TELEFONO": {"phone"}, "NUMERO_FAX": {"phone"},
        "ID_ASEGURAMIENTO": {"social_security", "id"}, "ID_SUJETO_ASISTENCIA": {"id"},
        "ID_TITULACION_PERSONAL_SANITARIO": {"id"},
    },
}  # fmt: skip
_NOT_PERSONAL = {"DATE_TIME", "URL"}  # Presidio finds these on purpose; they are no false alarms of its
Place = tuple[int, int, str]


def run() -> dict[str, Any]:
    """Figures by kind and language, by public set, on guides; and those of Presidio."""
    planted = list(plant(SEED, REPEATS))
    ordinary = list(sentences(SEED, ORDINARY))
    texts = [each.text for each in planted]
    ours = [_ours(text) for text in texts]
    presidio = _presidio(texts, ordinary)
    return {
        "seed": SEED,
        "planted": {
            "values": len(planted),
            "checked": _summary([(p, found) for p, found in zip(planted, ours, strict=True) if p.is_checked]),
            "others": _summary([(p, found) for p, found in zip(planted, ours, strict=True) if not p.is_checked]),
            "by_kind": _by_kind(planted, ours),
        },
        "ordinary": _false_alarms(ordinary, map(_ours, ordinary)),
        "guides": {name: _guides(name) for name in GUIDES},
        "public": {name: _public(name, labels) for name, labels in PUBLIC.items()},
        "speed": _speed(),
        "presidio": presidio,
    }


def _ours(text: str) -> list[Place]:
    return [(span.start, span.end, span.kind.value) for span in find_identifiers(text)]


def _summary(pairs: Sequence[tuple[Planted, list[Place]]]) -> dict[str, Any]:
    """Recall: values found whole. Precision: finds that touch the value. Exact: found from its start to its end."""
    whole = sum(any(_covers(place, planted) for place in found) for planted, found in pairs)
    exact = sum(any(place[:2] == (planted.start, planted.end) for place in found) for planted, found in pairs)
    right = sum(any(_covers(place, p) and place[2] == p.kind for place in found) for p, found in pairs)
    finds = [_touches(place, planted) for planted, found in pairs for place in found]
    return {
        "values": len(pairs),
        "recall": round(whole / len(pairs), 4),
        "precision": round(sum(finds) / max(1, len(finds)), 4),
        "exact": round(exact / len(pairs), 4),
        "right_kind": round(right / len(pairs), 4),
    }


def _by_kind(planted: Sequence[Planted], found: Sequence[list[Place]]) -> dict[str, Any]:
    groups: dict[str, list[tuple[Planted, list[Place]]]] = defaultdict(list)
    for each, places in zip(planted, found, strict=True):
        name = each.kind if each.name == each.kind else f"{each.kind} ({each.name})"
        groups[f"{name}, {each.language}"].append((each, places))
    return {name: _summary(pairs) for name, pairs in sorted(groups.items())}


def _covers(place: Place, planted: Planted) -> bool:
    return place[0] <= planted.start and planted.end <= place[1]


def _touches(place: Place, planted: Planted) -> bool:
    return place[0] < planted.end and planted.start < place[1]


def _false_alarms(texts: Sequence[str], found: Iterable[list[Place]]) -> dict[str, Any]:
    kinds = Counter(place[2] for places in found for place in places)
    return {"sentences": len(texts), "masked": kinds.total(), "kinds": dict(kinds.most_common())}


def _guides(name: str) -> dict[str, Any]:
    """What is masked in guides, most of which is a false alarm: they are public and about no one."""
    kinds, chars = Counter[str](), 0
    for line in (DATA / name / "articles.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["body_markdown"]
        chars += len(text)
        kinds.update(place[2] for place in _ours(text))
        if chars > _GUIDES_CHARS:
            break
    return {"chars": chars, "masked": kinds.total(), "kinds": dict(kinds.most_common())}


def _public(name: str, labels: dict[str, set[str]]) -> dict[str, Any]:
    """Recall by label; of the kinds named, the share of finds that touch a labelled span."""
    rows = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    covered, total, partly = Counter[str](), Counter[str](), Counter[str]()
    finds, right = Counter[str](), Counter[str]()
    for row in rows:
        places = _ours(row["text"])
        for span in row["spans"]:
            if span["label"] in labels:
                total[span["label"]] += 1
                covered[span["label"]] += any(p[0] <= span["start"] and span["end"] <= p[1] for p in places)
                partly[span["label"]] += any(p[0] < span["end"] and span["start"] < p[1] for p in places)
        for place in places:
            finds[place[2]] += 1
            right[place[2]] += any(place[0] < span["end"] and span["start"] < place[1] for span in row["spans"])
    return {
        "texts": len(rows),
        "labels": {
            label: {"spans": total[label], "recall": round(covered[label] / total[label], 4),
                    "touched": round(partly[label] / total[label], 4)}
            for label in labels
        },
        "kinds": {kind: {"found": finds[kind], "precision": round(right[kind] / finds[kind], 4)} for kind in finds},
    }  # fmt: skip


def _speed() -> dict[str, float]:
    """CPU milliseconds for a kilobyte of text, the median of five."""
    texts = {
        "guides_en": _some_text("help_bc", "body_markdown", "articles.jsonl"),
        "guides_es": _some_text("help_m365_es", "body_markdown", "articles.jsonl"),
        "clinical_es": _some_text("pii_meddocan_es", "text", "dev.jsonl"),
    }
    return {name: round(sorted(_cpu_ms_per_kb(each) for _ in range(5))[2], 3) for name, each in texts.items()}


def _some_text(folder: str, column: str, name: str) -> list[str]:
    lines = (DATA / folder / name).read_text(encoding="utf-8").splitlines()[:80]
    return [json.loads(line)[column] for line in lines]


def _cpu_ms_per_kb(texts: Sequence[str]) -> float:
    started = time.process_time()
    for text in texts:
        find_identifiers(text)
    return 1000 * (time.process_time() - started) / (sum(len(text.encode()) for text in texts) / 1024)


def _presidio(texts: Sequence[str], ordinary: Sequence[str]) -> dict[str, Any] | None:
    """Figures of Presidio on the same sentences, whatever it calls what it finds."""
    python = os.environ.get("ORILLA_PRESIDIO")
    if not python:
        return json.loads(LAST.read_text(encoding="utf-8")).get("presidio") if LAST.exists() else None
    planted = list(plant(SEED, REPEATS))
    languages = [each.language for each in planted] + ["es" if n % 2 else "en" for n in range(len(ordinary))]
    done = subprocess.run(
        [python, str(WORKER)],
        input=json.dumps([*zip([*texts, *ordinary], languages, strict=True)]),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    found = [[(place[0], place[1], place[2]) for place in places] for places in answer["found"]]
    return {
        "version": answer["version"],
        "checked": _summary([(p, f) for p, f in zip(planted, found, strict=False) if p.is_checked]),
        "others": _summary([(p, f) for p, f in zip(planted, found, strict=False) if not p.is_checked]),
        "ordinary": _false_alarms(
            ordinary, ([p for p in f if p[2] not in _NOT_PERSONAL] for f in found[len(planted) :])
        ),
    }
