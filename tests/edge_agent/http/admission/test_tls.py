"""TLS with a certificate of one's own, over real connections; and no way to send keys over a network in clear."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from edge_agent.client import RemoteAgent
from edge_agent.errors import InputInvalid, ServerUnreachable
from edge_agent.http.admission.reachability import checked_certificate, checked_proxy, require_protection
from edge_agent.settings import HttpSettings
from federation.transport.certificates import write_authority
from tests.conftest import Server, run_orilla, serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    write_authority(folder, ["localhost", "branch.example"], now=datetime.now(UTC))
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "store"


@pytest.fixture(scope="module")
def server(authority: Path, store: Path) -> Iterator[Server]:
    options = ("--tls-certificate", str(authority / "server.crt"), "--tls-key", str(authority / "server.key"))
    with serving() as start:
        yield start(store, "--require-keys", *options)


def test_it_speaks_tls_alone_with_its_certificate(server: Server, authority: Path) -> None:
    port = server.http.base_url.port
    assert server.http.base_url.scheme == "https"
    trusting = ssl.create_default_context(cafile=authority / "ca.crt")
    with httpx.Client(base_url=f"https://localhost:{port}", verify=trusting, trust_env=False) as http:
        healthy = http.get("/healthz")
        assert healthy.status_code == 200
        assert healthy.headers["strict-transport-security"].startswith("max-age=")
        assert http.get("/v1/documents").status_code == 401
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        server.http.get("/healthz")  # trusts the public authorities alone
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{port}/healthz", trust_env=False)


def test_commands_beside_it_trust_its_certificate_and_no_other(
    server: Server, store: Path, authority: Path, tmp_path: Path
) -> None:
    assert run_orilla("edge", "list", "--store", str(store), "--json").stdout.strip() == "[]"
    write_authority(tmp_path, ["localhost"], now=datetime.now(UTC))
    imposter = RemoteAgent(str(server.http.base_url), "key", str(tmp_path / "server.crt"))
    with pytest.raises(ServerUnreachable, match="does not answer"):
        imposter.roots()
    imposter.close()
    with pytest.raises(ServerUnreachable, match="which cannot be read"):
        RemoteAgent(str(server.http.base_url), "key", str(tmp_path / "none.crt"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_a_network_is_not_listened_on_in_clear(host: str, tmp_path: Path) -> None:
    done = run_orilla("edge", "serve", "--store", str(tmp_path / "store"), "--host", host, "--port", "0")
    assert (done.returncode, "which keys and answers would cross in clear" in done.stderr) == (2, True)
    assert not (tmp_path / "store").exists()


def test_a_network_is_listened_on_with_a_certificate_or_behind_a_proxy() -> None:
    require_protection("192.0.2.7", HttpSettings(certificate=Path("server.crt")))
    require_protection("192.0.2.7", HttpSettings(proxies=("192.0.2.1",)))
    require_protection("::1", HttpSettings())
    with pytest.raises(InputInvalid, match="a proxy asks for others"):
        require_protection("127.0.0.1", HttpSettings(proxies=("127.0.0.1",), trusts_machine=True))
    assert checked_proxy("192.0.2.7/24") == "192.0.2.0/24"
    with pytest.raises(InputInvalid, match="is no address of a proxy"):
        checked_proxy("*")


def test_certificates_that_cannot_serve_are_refused(authority: Path, tmp_path: Path) -> None:
    certificate, key = authority / "server.crt", authority / "server.key"
    checked_certificate(certificate, key)
    with pytest.raises(InputInvalid, match="needs its key"):
        checked_certificate(certificate, None)
    with pytest.raises(InputInvalid, match="cannot be used"):
        checked_certificate(certificate, authority / "ca.key")
    with pytest.raises(InputInvalid, match="cannot be used"):
        checked_certificate(tmp_path / "none.crt", key)
    open_to_all = tmp_path / "server.key"
    open_to_all.write_bytes(key.read_bytes())
    open_to_all.chmod(0o644)
    with pytest.raises(InputInvalid, match="can be read by every user"):
        checked_certificate(certificate, open_to_all)
