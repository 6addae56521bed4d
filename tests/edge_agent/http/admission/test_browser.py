"""A hostile page in a real browser (Chromium) beside a server that trusts its machine: it neither writes nor reads."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import Server, serving

TRUE_TEXT = "# Transfers\n\nA transfer abroad costs twelve euros at the desk.\n"
PAGE = """<!doctype html><body><form id="form" method="post" enctype="multipart/form-data" target="frame"
  action="SERVER/v1/documents/upload"><input type="hidden" name="source" value="transfers.md"></form>
<form id="plain" method="post" enctype="text/plain" target="frame" action="SERVER/v1/documents">
  <input name='{"source":"transfers.md","text":"call 900 000 000","x":"' value='"}'></form>
<iframe name="frame"></iframe><script>
const said = {}, lie = "# Transfers\\n\\nA transfer abroad is free: call 900 000 000.\\n";
function upload(address, mode) {
  const form = new FormData();
  form.append("source", "transfers.md");
  form.append("file", new Blob([lie]), "transfers.md");
  return fetch(address + "/v1/documents/upload", {method: "POST", body: form, mode});
}
async function attempt(name, act) {
  try {
    const response = await act();
    said[name] = [response.type, response.status, await response.text()];
  } catch (error) { said[name] = [String(error.name)]; }
}
(async () => {
  for (const address of ["SERVER", "NAMED"]) {
    await attempt("upload " + address, () => upload(address, "no-cors"));
    await attempt("upload with cors " + address, () => upload(address, "cors"));
    await attempt("json " + address, () => fetch(address + "/v1/documents", {method: "POST",
      headers: {"content-type": "application/json"}, body: JSON.stringify({source: "transfers.md", text: lie})}));
    await attempt("delete " + address, () => fetch(address + "/v1/documents/DOCUMENT", {method: "DELETE"}));
    await attempt("read " + address, () => fetch(address + "/v1/documents/DOCUMENT"));
    await attempt("read opaque " + address, () => fetch(address + "/v1/documents/DOCUMENT", {mode: "no-cors"}));
  }
  document.getElementById("form").submit();
  await new Promise(done => setTimeout(done, 500));
  document.getElementById("plain").submit();
  await new Promise(done => setTimeout(done, 500));
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(said);
  document.body.append(result);
})();
</script></body>"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving() as start:
        started = start(tmp_path_factory.mktemp("browser") / "store")
        started.http.post("/v1/documents", json={"source": "transfers.md", "text": TRUE_TEXT}).raise_for_status()
        yield started


def browse(url: str, profile: Path) -> str:
    """What a page holds once it has run, with two names of an attacker that lead to this machine."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    names = "MAP evil.example 127.0.0.1, MAP rebound.example 127.0.0.1"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"]
    options += [f"--user-data-dir={profile}", f"--host-resolver-rules={names}", "--virtual-time-budget=20000"]
    command = [chromium, *options, "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout


@contextmanager
def hostile(page: str) -> Iterator[str]:
    """A server of an attacker that shows a page; its URL."""

    class Show(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Show) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://evil.example:{http.server_port}/"
        http.shutdown()
        thread.join()


@pytest.mark.timeout(240)
def test_a_hostile_page_neither_writes_nor_reads(server: Server, tmp_path: Path) -> None:
    port = server.http.base_url.port
    (document,) = server.http.get("/v1/documents").json()["documents"]
    page = PAGE.replace("SERVER", f"http://127.0.0.1:{port}").replace("NAMED", f"http://localhost:{port}")
    with hostile(page.replace("DOCUMENT", document["document_id"])) as url:
        shown = browse(url, tmp_path / "profile")
    result = re.search(r'<pre id="result">(.*?)</pre>', shown, re.DOTALL)
    assert result is not None, shown[:2000]
    said = json.loads(unescape(result[1]))
    assert len(said) == 12
    assert "twelve euros" not in result[1]
    assert {tuple(outcome) for outcome in said.values()} <= {("opaque", 0, ""), ("TypeError",)}

    after = server.http.get("/v1/documents").json()["documents"]
    assert after == [document]
    answer = server.http.post("/v1/query", json={"text": "What does a transfer abroad cost?"}).json()
    assert "twelve euros" in answer["answer"]
    metrics = server.http.get("/metrics").text
    refused = re.findall(r'orilla_http_requests_total{method="POST",route="unmatched",status="403"} (\S+)', metrics)
    assert float(refused[0]) >= 4  # it did reach the server


@pytest.mark.timeout(240)
def test_a_name_that_was_pointed_here_shows_nothing(server: Server, tmp_path: Path) -> None:
    port = server.http.base_url.port
    (document,) = server.http.get("/v1/documents").json()["documents"]
    shown = browse(f"http://rebound.example:{port}/v1/documents/{document['document_id']}", tmp_path / "profile")
    assert "host-unknown" in shown
    assert "twelve euros" not in shown
