"""Model cards, notices and licences: of a float student, and of the bundle made of it, as their readers use them."""

import json
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from packaging.licenses import canonicalize_license_expression
from tokenizers import Tokenizer

from student.bundle.folder import Bundle
from student.bundle.manifest import Origin
from student.distill.encoder.distillation import distill_student
from student.distill.encoder.recipe import Architecture, Bounds, EncoderTraining, StudentRecipe
from student.distill.export.bundle_export import export_bundle
from student.distill.export.recipe import ExportRecipe
from student.distill.licenses import LicenseRefused, is_share_alike, joined, license_texts, spdx
from student.distill.pretrained import ORIGIN, open_model
from student.distill.targets import (
    Links,
    TargetsManifest,
    read_targets,
    write_links,
    write_shard,
    write_targets_manifest,
)
from tests.conftest import ROOT, ServeStore, run_orilla
from tests.tiny import make_tiny_teacher, sentences

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
RECIPE = StudentRecipe(
    name="tiny student",
    license="Apache-2.0",
    languages=["en", "es"],
    architecture=Architecture(layers=[0, 1], vocabulary=300, trained_vocabulary=280, max_tokens=32),
    training=EncoderTraining(
        steps=2, batch_size=8, warmup_steps=1, validation_steps=2, checkpoint_steps=2, max_tokens=32
    ),
    bounds=Bounds(teacher_similarity=-1, int8_mean_similarity=0.9, int8_min_similarity=0.5, int8_top10_overlap=0.5),
)
CORPUS = [
    Origin(role="distillation texts", name="news_sa/pairs.jsonl", sha256="1" * 64, license="CC-BY-SA-4.0"),
    Origin(
        role="distillation texts",
        name="help/guides.jsonl",
        sha256="2" * 64,
        license="CC-BY-4.0",
        attribution="Guides of Example Corp., shortened, https://help.example",
    ),
]
INTENTS = {"refund": "invoice", "restore": "backup", "sign_in": "password"}


@pytest.fixture(scope="module")
def student_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of two steps, from a start under the MIT licence and texts under several."""
    folder = tmp_path_factory.mktemp("student")
    start = make_tiny_teacher(folder / "start")
    origin = {"name": "example/tiny-start", "license": "MIT", "attribution": "Copyright (c) 2026 A. Maker"}
    (start.path / ORIGIN).write_text(json.dumps(origin))
    start = open_model(start.path, name=None, license_=None)
    pairs = list(dict.fromkeys(sentences(200)))
    generator = np.random.default_rng(4)
    embeddings = generator.normal(size=(len(pairs), 32)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    targets = folder / "targets"
    targets.mkdir()
    shard = write_shard(targets / "a.parquet", [english for english, _ in pairs], ["news"] * len(pairs), embeddings)
    links = write_links(targets / "links.parquet", Links.of([(0, 1)], ["x"], [(2, 3)]))
    teachers: list[dict[str, Any]] = [
        {"name": "first", "license": "MIT", "model": "/secret/place", "weight": 2.0, "prompts": {"query": "query: "}},
        {"name": "second", "license": "Apache-2.0", "model": "http://10.0.0.1/v1", "languages": ["en"]},
    ]
    write_targets_manifest(
        targets,
        TargetsManifest(
            embedding_space="ab" * 32, dimension=32, lineage=CORPUS, shards=[shard], links=links, teachers=teachers
        ),
    )
    return distill_student(read_targets(targets), RECIPE, folder / "run", start=start)


@pytest.fixture(scope="module")
def bundle(student_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    rows = [
        {"text": f"{word} {english}", "intent": intent, "language": "en"}
        for intent, word in INTENTS.items()
        for english, _ in list(dict.fromkeys(sentences(60)))[:20]
    ]
    (folder / "intents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    messages = [{"text": f"{word} please", "label": intent} for intent, word in INTENTS.items()]
    messages.append({"text": "red green blue", "label": "weather"})
    (folder / "messages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in messages))
    recipe = ExportRecipe(
        "tiny",
        3,
        folder / "intents.jsonl",
        "made-up intents",
        "LicenseRef-own",
        None,
        (ROOT / "demo" / "knowledge_base" / "en",),
        messages=folder / "messages.jsonl",
    )
    pretrained = open_model(student_folder, name=None, license_=None)
    return export_bundle(pretrained, recipe, folder / "b", now=NOW)


def code_blocks(card: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)


def run_python(code: str, folder: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_students_snippet_works_as_printed(student_folder: Path) -> None:
    (code,) = code_blocks((student_folder / "README.md").read_text(encoding="utf-8"), "python")
    assert run_python(code, student_folder).strip() == "(2, 32)"


def test_the_students_card_can_be_read_by_a_hub(student_folder: Path) -> None:
    data: Any = ModelCard.load(student_folder / "README.md").data
    assert data.language == ["en", "es"]
    assert (data.license, data.license_name) == ("other", "Apache-2.0 AND MIT")
    assert data.base_model == ["example/tiny-start"]
    assert data.datasets == ["news_sa", "help"]
    assert data.library_name == "sentence-transformers"
    assert [result.metric_type for result in data.eval_results] == ["cosine"]


def test_the_students_card_names_what_it_learned_from_and_hides_where_that_lay(student_folder: Path) -> None:
    card = (student_folder / "README.md").read_text(encoding="utf-8")
    assert "used for training only: news_sa/pairs.jsonl (CC-BY-SA-4.0)" in card
    assert "help/guides.jsonl (CC-BY-4.0): Guides of Example Corp., shortened, https://help.example" in card
    assert "example/tiny-start (MIT): Copyright (c) 2026 A. Maker" in card
    assert "first (MIT): weight 2; prompts “query: ” (query)" in card
    assert "1 questions with what answers them, 1 translations" in card
    assert "--teacher teacher.toml" in card
    assert "--tokenizer tokenizer.json" in card
    assert "/secret/place" not in card + (student_folder / "distillation.json").read_text()
    assert "10.0.0.1" not in card + (student_folder / "distillation.json").read_text()


def test_a_students_parts_have_the_licences_of_what_they_were_made_from(student_folder: Path) -> None:
    facts = json.loads((student_folder / "distillation.json").read_text())
    licenses = {origin["role"]: origin["license"] for origin in facts["lineage"]}
    assert licenses["targets"] == "CC-BY-SA-4.0 AND CC-BY-4.0"
    assert licenses["vocabulary"] == "Apache-2.0 AND MIT"
    assert licenses["recipe"] == "Apache-2.0"
    assert licenses["student started from"] == "MIT"


def test_the_bundles_snippet_works_as_printed(bundle: Bundle) -> None:
    code, *_ = code_blocks(bundle.read("MODEL_CARD.md").decode(), "python")
    shape, intent = run_python(code, bundle.path).splitlines()
    assert shape == "(1, 32)"
    assert intent.startswith("{'intent': ")


def test_the_bundles_server_answers_as_printed(bundle: Bundle, serve: ServeStore, tmp_path: Path) -> None:
    start, ask = code_blocks(bundle.read("MODEL_CARD.md").decode(), "sh")
    ingest, serving = (shlex.split(line)[1:] for line in start.splitlines())
    assert serving[:2] == ["edge", "serve"]
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.md").write_text("# Passwords\n\nReset your password on the sign-in page.\n")
    places = {"DOCUMENTS": str(tmp_path / "documents"), "STORE": str(tmp_path / "store"), ".": str(bundle.path)}
    run_orilla(*(places.get(word, word) for word in ingest))
    address = str(serve(tmp_path / "store", "--bundle", str(bundle.path)).http.base_url).rstrip("/")
    command = shlex.split(ask.replace("\\\n", " ").replace("http://127.0.0.1:8080", address))
    answer = json.loads(subprocess.run(command, capture_output=True, timeout=30, check=True).stdout)
    assert answer["bundle"]["digest"] == bundle.digest


def test_the_bundles_card_can_be_read_by_a_hub(bundle: Bundle) -> None:
    data: Any = ModelCard(bundle.read("MODEL_CARD.md").decode()).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("other", "onnx", "sentence-similarity")
    by_name = {result.metric_name: result.metric_value for result in data.eval_results}
    metrics = bundle.manifest.metrics
    assert by_name["macro-F1 on messages of users"] == metrics["intent_head_on_messages"]["macro_f1"]
    assert by_name["macro-F1 on held-out texts"] == metrics["intent_head_on_held_out_texts"]["macro_f1"]


def test_every_licence_of_a_bundle_is_an_spdx_expression(bundle: Bundle) -> None:
    licenses = [each.spdx for each in bundle.manifest.licenses] + [each.license for each in bundle.manifest.lineage]
    for expression in licenses:
        assert canonicalize_license_expression(expression) == expression
    assert bundle.manifest.licenses[0].spdx == "Apache-2.0 AND MIT"


def test_a_bundle_brings_the_texts_and_names_that_its_licences_ask_for(bundle: Bundle) -> None:
    texts, notice = bundle.read("LICENSE.txt").decode(), bundle.read("NOTICE.txt").decode()
    assert "Apache License" in texts
    assert "Permission is hereby granted, free of charge" in texts
    assert "example/tiny-start (MIT): Copyright (c) 2026 A. Maker" in notice
    assert "Guides of Example Corp." in notice
    assert "news_sa/pairs.jsonl (CC-BY-SA-4.0)" in notice


def test_messages_are_measured_and_named_by_their_digest(bundle: Bundle) -> None:
    figures = bundle.manifest.metrics["intent_head_on_messages"]
    assert figures["messages"] == 4
    assert figures["labels_unknown_to_the_head"] == 1
    assert re.fullmatch("[0-9a-f]{64}", figures["sha256"])
    assert figures["sha256"] in bundle.read("MODEL_CARD.md").decode()


def test_limits_are_those_of_the_bundle(bundle: Bundle) -> None:
    known = "\n".join(bundle.manifest.limits["known"])
    figures = bundle.manifest.metrics["tokenizer_on_comparison_texts"]
    assert f"Its {figures['vocabulary']} pieces" in known
    assert figures["vocabulary"] == Tokenizer.from_str(bundle.read("tokenizer.json").decode()).get_vocab_size()
    assert figures["unknown_share"] > 0.01  # English articles in the pieces of a tiny language
    assert "only the first 32 tokens" in known
    assert "3 intents, learned from 60 texts in en" in known
    assert "not measured on messages" not in known
    assert "finding passages was not measured" not in known
    assert "have a near copy" in known


def test_nothing_is_exported_under_a_licence_that_is_none(student_folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    recipe = ExportRecipe("x", 1, bundle.path.parent / "intents.jsonl", "x", "free for all", None, ())
    with pytest.raises(LicenseRefused, match="licence 'free for all' is no SPDX expression; expected one such as MIT"):
        export_bundle(open_model(student_folder, name=None, license_=None), recipe, tmp_path / "b", now=NOW)
    assert not (tmp_path / "b").exists()


def test_expressions_are_joined_each_once() -> None:
    assert joined(["MIT", "mit AND Apache-2.0", "MIT OR CC0-1.0"]) == "MIT AND Apache-2.0 AND (MIT OR CC0-1.0)"
    assert joined(["free for all", "MIT"]) == "LicenseRef-free-for-all AND MIT"
    assert joined([]) == "LicenseRef-unknown"
    assert spdx("apache-2.0") == "Apache-2.0"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CC-BY-SA-3.0", True),
        ("MIT AND GFDL-1.2-or-later", True),
        ("CDLA-Sharing-1.0", True),
        ("CC-BY-4.0 AND MIT", False),
        ("LicenseRef-own", False),
    ],
)
def test_share_alike_licences_are_known(expression: str, expected: bool) -> None:
    assert is_share_alike(expression) is expected


def test_texts_of_licences_are_those_that_apply() -> None:
    assert "Permission is hereby granted" not in license_texts("Apache-2.0")
    assert "Permission is hereby granted" in license_texts("LicenseRef-own AND MIT")
