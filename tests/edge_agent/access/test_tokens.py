"""Tokens of an identity provider: those that it signed for this server count, for their scopes, until their end."""

import base64
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edge_agent.access.scopes import Scope
from edge_agent.errors import InputInvalid
from federation.transport.certificates import write_authority
from tests.conftest import Server, run_orilla, serving

jwt = pytest.importorskip("jwt", reason="PyJWT, which is new among the dependencies, is not installed here")

from edge_agent.access.tokens import TokenSettings, TokenVerifier  # noqa: E402  (loads it)

ISSUER, AUDIENCE = "https://login.bank.example/realm", "orilla-branch-7"
RSA, EC = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, kid: str) -> dict[str, Any]:
    """The public half, as a provider publishes it."""
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    made: dict[str, Any] = json.loads(jwt.get_algorithm_by_name(name).to_jwk(key.public_key()))
    return made | {"kid": kid, "use": "sig", "alg": name}


def token(key: Any = RSA, kid: str = "r", algorithm: str = "RS256", **claims: Any) -> str:
    """A token that counts, but for what is said otherwise; a claim that is None is left away."""
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "maria", "exp": time.time() + 300, "scope": "openid orilla:ask"}
    named = {name: value for name, value in (given | claims).items() if value is not None}
    made: str = jwt.encode(named, key, algorithm=algorithm, headers={"kid": kid})
    return made


def settings(path: Path, *keys: dict[str, Any], claim: str = "scope") -> TokenSettings:
    path.write_text(json.dumps({"keys": list(keys or (jwk(RSA, "r"), jwk(EC, "e")))}))
    return TokenSettings(ISSUER, AUDIENCE, str(path), claim)


def test_a_token_opens_its_scopes(tmp_path: Path) -> None:
    verifier = TokenVerifier(settings(tmp_path / "jwks.json"))
    caller = verifier.caller_of(token())
    assert caller is not None
    assert caller.scopes == {Scope.ASK}
    assert "maria" not in caller.name
    assert verifier.caller_of(token(EC, "e", "ES256", scope="orilla:ingest orilla:review")).scopes == {  # type: ignore[union-attr]
        Scope.INGEST,
        Scope.REVIEW,
    }
    assert verifier.caller_of(token(aud=["other", AUDIENCE])) == caller
    deeper = TokenVerifier(settings(tmp_path / "jwks.json", claim="realm_access.roles"))
    assert deeper.caller_of(token(realm_access={"roles": ["admin", "orilla:admin"]})).scopes == {Scope.ADMIN}  # type: ignore[union-attr]


def unsigned() -> str:
    _, claims, _ = token().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "r"}).encode()).decode().rstrip("=")
    return f"{none}.{claims}."


def of_another_signature() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{token(scope='orilla:admin').split('.')[1]}.{signature}"


WRONG: dict[str, Callable[[], str]] = {
    "of another issuer": lambda: token(iss="https://evil.example"),
    "for another server": lambda: token(aud="orilla-branch-8"),
    "for none": lambda: token(aud=None),
    "ended": lambda: token(exp=time.time() - 60),
    "without an end": lambda: token(exp=None),
    "not yet": lambda: token(nbf=time.time() + 300),
    "of nobody": lambda: token(sub=None),
    "without scopes": lambda: token(scope=None),
    "with another program's scope": lambda: token(scope="ask admin"),
    "with scopes of another form": lambda: token(scope={"orilla:ask": 1}),
    "signed by a stranger": lambda: token(STRANGER),
    "of an unknown key": lambda: token(STRANGER, "s"),
    "unsigned": unsigned,
    "changed": of_another_signature,
    "signed with the public key as a secret": lambda: token("r" * 40, algorithm="HS256"),
    "of another algorithm than its key's": lambda: token(RSA, "r", "RS512"),
    "endless": lambda: token(more="a" * 20_000),
    "none at all": lambda: "a.b.c",
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_token_that_does_not_count_opens_nothing(tmp_path: Path, kind: str) -> None:
    verifier = TokenVerifier(settings(tmp_path / "jwks.json"))
    assert verifier.caller_of(WRONG[kind]()) is None
    assert verifier.caller_of(token()) is not None


def test_secrets_among_the_keys_sign_nothing(tmp_path: Path) -> None:
    secret = {"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("="), "kid": "o", "alg": "HS256"}
    verifier = TokenVerifier(settings(tmp_path / "jwks.json", jwk(RSA, "r"), secret))
    assert verifier.caller_of(token(b"s" * 32, "o", "HS256")) is None
    with pytest.raises(InputInvalid, match="holds no public keys of tokens"):
        TokenVerifier(settings(tmp_path / "jwks.json", secret))
    with pytest.raises(InputInvalid, match="fetched by https alone"):
        TokenVerifier(TokenSettings(ISSUER, AUDIENCE, "http://login.bank.example/jwks"))


def test_keys_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    verifier = TokenVerifier(settings(path, jwk(RSA, "r")))
    later = token(EC, "e", "ES256")
    assert not verifier.needs_refresh(later)
    settings(path, jwk(EC, "e"))
    assert verifier.needs_refresh(later)
    verifier.refresh()
    assert verifier.caller_of(later) is not None
    assert verifier.caller_of(token()) is None
    path.write_text("{")
    verifier.refresh()
    assert verifier.caller_of(later) is not None  # those of before stay


@contextlib.contextmanager
def provider(folder: Path, served: Path) -> Iterator[str]:
    """An identity provider that publishes a file of keys over https, by an authority of its own; its URL."""
    write_authority(folder, ["localhost"], now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")

    class Publish(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(served.read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Publish) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"https://localhost:{http.server_port}/jwks"
        http.shutdown()
        thread.join()


def test_keys_are_fetched_over_https_from_a_provider_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path / "jwks.json")
    with provider(tmp_path, tmp_path / "jwks.json") as url:
        untrusted = TokenVerifier(replace(given, keys=url))
        assert untrusted.caller_of(token()) is None
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        verifier = TokenVerifier(replace(given, keys=url))
        assert verifier.caller_of(token()) is not None
        assert not verifier.needs_refresh(token(kid="new"))  # asked a moment ago
    verifier.refresh()
    assert verifier.caller_of(token()) is not None  # the provider is away: the keys of before stay


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tokens")
    keys = settings(folder / "jwks.json").keys
    options = ("--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-keys", keys)
    with serving() as start:
        yield start(folder / "store", "--require-keys", *options)


def test_a_served_token_opens_its_scopes_and_no_more(server: Server) -> None:
    def ask(credential: str, path: str = "/v1/documents") -> httpx.Response:
        return server.http.get(path, headers={"authorization": f"Bearer {credential}"})

    assert ask(token()).status_code == 200
    assert ask(token(), "/v1/keys").json()["type"] == "urn:orilla:problem:scope-missing"
    assert ask(token(scope="orilla:admin"), "/v1/keys").status_code == 200
    for kind, make in WRONG.items():
        refused = ask(make())
        assert (refused.status_code, refused.json()["type"]) == (401, "urn:orilla:problem:key-refused"), kind


def test_half_of_the_settings_is_none(tmp_path: Path) -> None:
    done = run_orilla("edge", "serve", "--store", str(tmp_path / "store"), "--jwt-issuer", ISSUER)
    assert (done.returncode, "tokens need --jwt-issuer, --jwt-audience and --jwt-keys" in done.stderr) == (2, True)
    assert not (tmp_path / "store").exists()
