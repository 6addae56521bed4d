"""Own intents over real HTTP: from examples to a head at work and back, over restarts and bundles; wrong input."""

import json
import os
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle
from tests.conftest import Server, ServeStore, serving

MAIL = "ana.garcia@example.org"
OWN = {
    "zebra_crossing": ["zebra crossing is worn", "paint the zebra crossing", "no zebra crossing at the school"],
    "street_lamp": ["street lamp is dark", "the lamp in our street flickers", f"new street lamp please, {MAIL}"],
    "waste_bin": ["waste bin is full", "the bin was not emptied", "we need a bigger waste bin"],
    "out_of_scope": ["what a nice day"],
}
MORE = "Text;Intent\r\ncar parks on the pavement;parking\r\nparking permit;parking\r\nwhere may I park;parking\r\n"
MESSAGE = {"text": "the bin in the park is full"}
ROWS = [{"text": text, "label": label, "language": "en"} for label, texts in OWN.items() for text in texts]
CARD = "4111-1111-1111-1111"


def wait_until_made(http: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """The head that examples became, with its report."""
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["location"] == f"/v1/intents/{accepted.json()['head_id']}"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        head: dict[str, Any] = http.get(accepted.headers["location"]).json()
        if head["state"] in ("done", "failed"):
            return head
        time.sleep(0.2)
    pytest.fail("the head is not made")


def activate(http: httpx.Client, head: dict[str, Any]) -> None:
    answer = http.post(f"/v1/intents/{head['head_id']}/activate")
    assert (answer.status_code, answer.json()["active"]["digest"]) == (200, head["digest"]), answer.text


def labels_of(said: dict[str, Any]) -> set[str]:
    return {each["label"] for each in said["intent"]["alternatives"]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("intents") / "store"


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    with serving() as start:
        yield start(store)


@pytest.fixture(scope="module")
def first(server: Server) -> dict[str, Any]:
    """A head of three labels, made from a list."""
    return wait_until_made(server.http, server.http.post("/v1/intents", json={"examples": ROWS, "replace": True}))


@pytest.fixture(scope="module")
def second(server: Server, first: dict[str, Any]) -> dict[str, Any]:
    """The same with another label, from a file."""
    activate(server.http, first)
    return wait_until_made(server.http, server.http.post("/v1/intents/upload", files={"file": ("own.CSV", MORE)}))


@pytest.mark.timeout(900)
def test_a_head_is_made_put_to_work_and_gone_back_from(
    server: Server, first: dict[str, Any], second: dict[str, Any], store: Path
) -> None:
    http, own = server.http, set(OWN) - {"out_of_scope"}
    while http.post("/v1/intents/revert").status_code == 200:
        pass
    before = http.post("/v1/classify", json=MESSAGE).json()
    assert before["intent_head"]["head_id"] is None
    assert (first["state"], set(first["labels"]), first["is_at_work"]) == ("done", own, False)
    report = first["report"]
    assert report["overall"]["all"]["examples"] == report["overall"]["en"]["examples"] == 9
    assert {"macro_f1", "expected_calibration_error"} < set(report["overall"]["all"])
    assert {"threshold", "confused", "confusion_matrix"} < set(report)
    assert report["out_of_scope"]["all"]["examples"] == 1
    assert (set(second["labels"]), second["report"]["kept_labels"]) == ({*own, "parking"}, sorted(own))

    for head, expected in ((first, "waste_bin"), (second, "waste_bin")):
        activate(http, head)
        said = http.post("/v1/classify", json=MESSAGE | {"alternatives": 20}).json()
        assert said["intent_head"] == {"digest": head["digest"], "head_id": head["head_id"], "notice": ""}
        assert (said["intent"]["alternatives"][0]["label"], labels_of(said)) == (expected, set(head["labels"]))
        answer = http.post("/v1/query", json=MESSAGE).json()
        assert (answer["intent_head"]["digest"], answer["is_repeated"]) == (head["digest"], False)
    listed = http.get("/v1/intents").json()
    assert (listed["active"]["head_id"], listed["before"]) == (second["head_id"], [first["head_id"]])
    assert [head["head_id"] for head in listed["heads"] if head["is_at_work"]] == [second["head_id"]]
    assert http.delete(f"/v1/intents/{second['head_id']}").status_code == 409

    assert http.post("/v1/intents/revert").json()["active"]["digest"] == first["digest"]
    assert http.post("/v1/classify", json=MESSAGE).json()["intent_head"]["digest"] == first["digest"]
    assert http.post("/v1/intents/revert").json()["active"] == before["intent_head"]
    assert http.post("/v1/classify", json=MESSAGE).json() == before
    nothing_before = http.post("/v1/intents/revert")
    assert (nothing_before.status_code, nothing_before.json()["type"]) == (409, "urn:orilla:problem:head-unusable")


@pytest.mark.timeout(900)
def test_of_the_examples_nothing_is_left_but_the_head(store: Path, second: dict[str, Any]) -> None:
    files = [path for path in (store / "intents").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert [path for path in files if MAIL.encode() in path.read_bytes()] == []
    assert [path for path in files if b"nice day" in path.read_bytes()] == []


@pytest.mark.timeout(900)
def test_messages_are_classified_by_one_head_whole_while_heads_change(
    server: Server, first: dict[str, Any], second: dict[str, Any]
) -> None:
    activate(server.http, first)
    known = {head["digest"]: set(head["labels"]) for head in (first, second)}
    is_changing = True

    def classify(number: int) -> set[str]:
        seen = set()
        while is_changing:
            for path in ("/v1/classify", "/v1/query"):
                answer = server.http.post(path, json={"text": f"the bin in the park is full {number}"})
                assert answer.status_code == 200, answer.text
                said = answer.json()
                digest = said["intent_head"]["digest"]
                assert len(labels_of(said)) == 3
                assert labels_of(said) <= known[digest]
                assert (said["intent"]["alternatives"][0]["label"] == "waste_bin") is True
                seen.add(digest)
        return seen

    with ThreadPoolExecutor(4) as pool:
        classifying = [pool.submit(classify, number) for number in range(4)]
        for number in range(20):
            activate(server.http, (second, first)[number % 2])
            time.sleep(0.05)
        is_changing = False
        seen = set().union(*(future.result() for future in classifying))
    assert seen == set(known)


@pytest.mark.timeout(900)
def test_what_was_active_is_served_after_a_restart_and_over_bundles_of_its_space_alone(
    serve: ServeStore, tmp_path: Path
) -> None:
    server = serve(tmp_path / "store")
    accepted = server.http.post("/v1/intents", json={"examples": ROWS, "replace": True})
    server.kill()  # with the head still to be made
    assert list((tmp_path / "store").rglob("examples.jsonl"))
    server = serve(tmp_path / "store")
    head = wait_until_made(server.http, accepted)
    assert (head["state"], list((tmp_path / "store").rglob("examples.jsonl"))) == ("done", [])
    activate(server.http, head)
    server.kill()

    old = open_bundle(DEFAULT_BUNDLE)
    fields, files = old.manifest.model_dump(exclude={"files"}), {name: old.read(name) for name in old.manifest.files}
    later = write_bundle(tmp_path / "later", fields | {"serial": old.manifest.serial + 1}, files)
    other = write_bundle(tmp_path / "other", fields | {"embedding_space": "ab" * 32}, files)
    own = {"digest": head["digest"], "head_id": head["head_id"], "notice": ""}
    for path, is_served in ((DEFAULT_BUNDLE, True), (other.path, False), (later.path, True)):
        server = serve(tmp_path / "store", "--bundle", str(path))
        said = server.http.post("/v1/classify", json=MESSAGE).json()
        assert (said["intent_head"] == own) is is_served, said
        if not is_served:
            assert said["intent_head"]["head_id"] is None
            assert "another embedding space" in said["intent_head"]["notice"]
            refused = server.http.post(f"/v1/intents/{head['head_id']}/activate")
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:orilla:problem:head-unusable")
        server.kill()


@pytest.mark.timeout(900)
def test_questions_go_first_while_a_head_is_made(server: Server) -> None:
    accepted = server.http.post("/v1/intents", json={"examples": ROWS, "replace": True})
    tasks = Path(f"/proc/{server.process.pid}/task")
    commands: dict[str, bytes] = {}
    while not commands and server.http.get(accepted.headers["location"]).json()["state"] in ("queued", "running"):
        children = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        read = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        commands = {child: command for child, command in read.items() if b"learning_child" in command}
    (child,) = commands
    deadline = time.monotonic() + 60
    while os.getpriority(os.PRIO_PROCESS, int(child)) <= os.getpriority(os.PRIO_PROCESS, server.process.pid):
        assert time.monotonic() < deadline  # it steps back once its modules are loaded
        time.sleep(0.05)
    assert b"OMP_NUM_THREADS=1" in Path(f"/proc/{child}/environ").read_bytes()
    assert server.http.post("/v1/classify", json=MESSAGE).status_code == 200
    wait_until_made(server.http, accepted)


def rows(*more: dict[str, Any]) -> dict[str, Any]:
    return {"json": {"examples": [*ROWS, *more], "replace": True}}


def sheet(content: bytes | str, name: str = "own.csv") -> dict[str, Any]:
    return {"files": {"file": (name, content)}, "data": {"replace": "true"}}


GOOD = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS if MAIL not in row["text"])
WRONG = [
    (rows({"text": CARD, "label": "other"}), 422, "examples-invalid", "row 11; add messages"),
    (
        rows({"text": "Waste BIN is full", "label": "street_lamp"}),
        422,
        "examples-invalid",
        "rows 7 and 11 have the same",
    ),
    (rows({"text": CARD, "label": "Waste_Bin"}), 422, "examples-invalid", "row 11 has the label …, row 7 has …;"),
    (rows({"text": " ", "label": "waste_bin"}), 422, "examples-invalid", "row 11 has no text"),
    (rows({"text": CARD, "label": ""}), 422, "examples-invalid", "row 11 has no label"),
    (rows({"text": CARD, "label": "x", "language": CARD}), 422, "examples-invalid", "row 11 has the language …"),
    (rows({"text": CARD + "\0", "label": "x"}), 422, "examples-invalid", "row 11: its text holds NUL"),
    (rows({"text": "x" * 5000, "label": "x"}), 422, "examples-invalid", "row 11 has a text of 5000"),
    (
        rows(*({"text": f"{CARD} {n}", "label": "a@example.org"} for n in range(3))),
        422,
        "examples-invalid",
        "row 11 has",
    ),
    (rows(*({"text": f"{n} {CARD}", "label": f"{n}"} for n in range(400))), 422, "examples-invalid", "403 labels"),
    (rows({"text": CARD, "label": 5}), 422, "invalid-request", "1 field(s)"),
    (rows({"text": CARD, "label": "x", CARD: "x"}), 422, "invalid-request", "1 field(s)"),
    ({"json": {"examples": []}}, 422, "invalid-request", "1 field(s)"),
    ({"json": {"examples": ROWS, "from_scratch": True}}, 422, "input-invalid", "from_scratch needs replace"),
    ({"json": {"examples": ROWS, "false_refusals": 0.9}}, 422, "invalid-request", "1 field(s)"),
    ({"json": {"examples": ROWS, **{f"{CARD}{n}": 1 for n in range(41_000)}}}, 422, "input-invalid", "more fields"),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "json-invalid", "not valid JSON"),
    (sheet(GOOD + f'"{CARD},x\n'), 422, "examples-invalid", "line 11 is not CSV"),
    (sheet(GOOD + f"{CARD}\n"), 422, "examples-invalid", "line 11 has 1 columns, expected 2"),
    (sheet(f"{CARD},label\na,b\n"), 422, "examples-invalid", "line 2 has the columns …, expected text, label"),
    (sheet("text,label\n"), 422, "examples-invalid", "has no rows"),
    (sheet((GOOD + "señal,x\n").encode("latin-1")), 422, "examples-invalid", "line 11 is not UTF-8"),
    (sheet(f'{{"text": "{CARD}"', "own.jsonl"), 422, "examples-invalid", "line 1 is not a JSON object"),
    (sheet("text,label\n" + "x" * (9 << 20)), 422, "examples-invalid", "expected at most 8388608"),
    (sheet("x" * 11_000_000), 413, "content-too-large", "10000000 bytes"),
    (sheet(GOOD, f"own.{CARD}"), 415, "format-unsupported", "expected .csv"),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("sent", "status", "name", "said"), WRONG, ids=[f"{name} {said}" for _, _, name, said in WRONG]
)
def test_what_cannot_be_learned_from_is_refused_by_its_rows_and_leaves_nothing(
    server: Server, store: Path, sent: dict[str, Any], *, status: int, name: str, said: str
) -> None:
    before = sorted((store / "intents").rglob("*"))
    refused = server.http.post(f"/v1/intents{'/upload' if 'files' in sent else ''}", **sent)
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (status, f"urn:orilla:problem:{name}"), problem
    assert said in problem["detail"]
    assert not any(word in refused.text for word in (CARD, "waste", "street_lamp", "a@example.org"))
    assert sorted((store / "intents").rglob("*")) == before


@pytest.mark.timeout(900)
def test_many_examples_fit_into_a_list(server: Server) -> None:
    many = [{"text": "x", "label": "a", "language": "en"}] * 6000
    body = json.dumps({"examples": many, "replace": True}, indent=4)
    headers = {"content-type": "application/json"}
    refused = server.http.post("/v1/intents", content=body, headers=headers)
    assert refused.json()["type"] == "urn:orilla:problem:examples-invalid"  # read whole: they are all the same text
    assert server.http.post("/v1/query", content=body, headers=headers).status_code in (413, 422)


def test_a_head_that_is_not_there(server: Server) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/activate")):
        answer = server.http.request(method, f"/v1/intents/{CARD}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:orilla:problem:head-unknown")
        assert CARD not in answer.text
