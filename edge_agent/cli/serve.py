"""`orilla edge serve`: the server of a store, and how it is reached."""

import ctypes
import logging
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.options import DEFAULT_STORE, BundleOption, MaskDocumentsOption, StoreOption
from edge_agent.errors import InputInvalid
from edge_agent.settings import KEEP_DAYS, REQUESTS_PER_MINUTE, AgentSettings, HttpSettings
from student.artifacts.private import make_private_folder
from student.bundle import DEFAULT_BUNDLE

if TYPE_CHECKING:
    from edge_agent.access.tokens import TokenVerifier

_SWITCH_INTERVAL_S = 0.0005
"""Time that a thread of the server may compute while others wait; by default 5 ms, and a question waits ten times."""
_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES = -3, 1_000_000  # the first is a name of glibc's malloc.h
_KEPT_ALIVE_S = 15
"""That a connection may wait for its next request: longer than a client that polls."""
UPLOADS = "uploads"
"""Folder in the store's where large uploads wait to be read, in files without a name."""
_REACHED, _TOKENS = "Who may ask", "Tokens of an identity provider, beside keys"


def serve(
    store: StoreOption = DEFAULT_STORE,
    bundle: BundleOption = DEFAULT_BUNDLE,
    host: Annotated[str, typer.Option(envvar="ORILLA_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="ORILLA_PORT", min=0, max=65535, help="0 for any free one.")] = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Texts encoded side by side.", show_default="one a core")
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Queue what the agent is unsure of, masked, for staff to label.")
    ] = False,
    no_memory: Annotated[
        bool,
        typer.Option(
            "--no-memory",
            envvar="ORILLA_NO_MEMORY",
            help="Let feedback move no ranking: nothing is remembered of it, nor used of what was.",
        ),
    ] = False,
    mask_documents: MaskDocumentsOption = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ORILLA_ALLOW_HOST",
            rich_help_panel=_REACHED,
            help="Name that the server is asked by, beside localhost and its address; may be given again.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ORILLA_ALLOW_ORIGIN",
            rich_help_panel=_REACHED,
            help="Origin of a web page that may ask the server, such as https://intranet.example; may be given again.",
        ),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            envvar="ORILLA_ROOT_PATH", rich_help_panel=_REACHED, help="Path that a proxy shows the server under."
        ),
    ] = "",
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            envvar="ORILLA_TLS_CERTIFICATE",
            rich_help_panel=_REACHED,
            help="PEM file of the server's certificate and its issuers'; needed off loopback, or --behind-proxy.",
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(envvar="ORILLA_TLS_KEY", rich_help_panel=_REACHED, help="PEM file of the certificate's key."),
    ] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ORILLA_BEHIND_PROXY",
            rich_help_panel=_REACHED,
            help="Address of a proxy that speaks TLS for the server and says for whom it asks; may be given again.",
        ),
    ] = None,
    rate: Annotated[
        int,
        typer.Option(
            envvar="ORILLA_RATE", min=0, rich_help_panel=_REACHED, help="Requests a minute of a key; 0 for any number."
        ),
    ] = REQUESTS_PER_MINUTE,
    jwt_issuer: Annotated[
        str | None,
        typer.Option(envvar="ORILLA_JWT_ISSUER", rich_help_panel=_TOKENS, help="The provider, as in the claim `iss`."),
    ] = None,
    jwt_audience: Annotated[
        str | None,
        typer.Option(envvar="ORILLA_JWT_AUDIENCE", rich_help_panel=_TOKENS, help="This server, as in the claim `aud`."),
    ] = None,
    jwt_keys: Annotated[
        str | None,
        typer.Option(
            envvar="ORILLA_JWT_KEYS",
            rich_help_panel=_TOKENS,
            help="The provider's public keys: a JWKS file or https URL.",
        ),
    ] = None,
    jwt_scope_claim: Annotated[
        str,
        typer.Option(
            envvar="ORILLA_JWT_SCOPE_CLAIM",
            rich_help_panel=_TOKENS,
            help="Claim with the scopes, each as orilla:SCOPE; with dots where it lies deeper, as realm_access.roles.",
        ),
    ] = "scope",
    keep_days: Annotated[
        int,
        typer.Option(
            envvar="ORILLA_KEEP_DAYS",
            min=0,
            help="Days that feedback, reviews and records of jobs are kept; 0 for ever.",
        ),
    ] = KEEP_DAYS,
    trust_this_machine: Annotated[
        bool,
        typer.Option(
            "--trust-this-machine/--require-keys",
            envvar="ORILLA_TRUST_THIS_MACHINE",
            rich_help_panel=_REACHED,
            help="Whether everybody on this machine may do everything, without a key. Only on loopback.",
        ),
    ] = False,
) -> None:
    """Serve a store over HTTP until interrupted.

    Callers need a key, made by `orilla edge keys create`, also while it runs. Commands on the same store need none.

    \b
      orilla edge keys create intranet --scope ask
      curl -s localhost:8080/v1/query -H "Authorization: Bearer KEY" \\
           -H 'content-type: application/json' -d '{"text": "…"}'

    It answers to localhost, to its address, and to the names of --allow-host. Web pages of other servers can change
    nothing, and read nothing unless --allow-origin names them.
    """  # noqa: D301  (the backspace keeps the lines of the examples apart)
    from edge_agent.http.admission.origins import checked_host, checked_origin, checked_root_path
    from edge_agent.http.admission.reachability import checked_certificate, checked_proxy

    checked_certificate(tls_certificate, tls_key)
    http = HttpSettings(
        hosts=tuple(checked_host(name) for name in allow_host or ()),
        origins=tuple(checked_origin(origin) for origin in allow_origin or ()),
        root_path=checked_root_path(root_path),
        trusts_machine=trust_this_machine,
        certificate=tls_certificate,
        certificate_key=tls_key,
        requests_per_minute=rate,
        proxies=tuple(checked_proxy(address) for address in behind_proxy or ()),
    )
    tokens = _token_verifier(jwt_issuer, jwt_audience, jwt_keys, jwt_scope_claim)
    settings = AgentSettings(
        store,
        bundle,
        workers,
        is_reviewing=review,
        is_remembering=not no_memory,
        masks_documents=mask_documents,
        keep_days=keep_days,
    )
    _serve(settings, http, tokens, host, port)


def _token_verifier(issuer: str | None, audience: str | None, keys: str | None, claim: str) -> "TokenVerifier | None":
    """Of the tokens that count; None where nothing is said of them. Raises `InputInvalid` where half of it is."""
    if issuer is None and audience is None and keys is None:
        return None
    if issuer is None or audience is None or keys is None:
        raise InputInvalid("tokens need --jwt-issuer, --jwt-audience and --jwt-keys; pass all of them, or none")
    from edge_agent.access.tokens import TokenSettings, TokenVerifier

    return TokenVerifier(TokenSettings(issuer, audience, keys, claim))


def _serve(settings: AgentSettings, http: HttpSettings, tokens: "TokenVerifier | None", host: str, port: int) -> None:
    import signal

    import uvicorn

    from edge_agent.access.authentication import Authentication
    from edge_agent.access.key_file import KeyFile
    from edge_agent.agent import Agent
    from edge_agent.audit.log import recorded_service
    from edge_agent.http.admission.deadlines import DeadlineProtocol
    from edge_agent.http.admission.reachability import require_protection
    from edge_agent.http.app import create_app
    from edge_agent.ingest.jobs import JOBS, Jobs
    from edge_agent.intents.learning import HeadLearning
    from edge_agent.retention import Retention
    from edge_agent.storage.lock import StoreLock

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    ending = _Ending()
    signal.signal(signal.SIGTERM, ending)  # uvicorn raises it again once it has ended: so all is closed
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    _return_large_blocks()
    with _bound(host, port) as listener:
        require_protection(listener.getsockname()[0], http)
        authentication = Authentication(KeyFile(settings.store), tokens)
        certificate = str(http.certificate.absolute()) if http.certificate else ""
        url = f"http{'s' if certificate else ''}://{_shown(host)}:{listener.getsockname()[1]}"
        with (
            StoreLock(settings.store, url=url, key=authentication.command_key, certificate=certificate),
            Agent(settings) as agent,
            Jobs(settings.store / JOBS, agent.ingest_job) as jobs,
            HeadLearning(agent.models.own_heads, agent.models.learning_start) as learning,
            Retention(agent, settings.keep_days),
            recorded_service(agent.audit),
        ):
            _keep_uploads_in(settings.store / UPLOADS)
            listener.listen(2048)
            ready = agent.readiness()
            typer.echo(f"serving {ready.documents} documents ({ready.passages} passages) on {url}", err=True)
            has_keys = bool(authentication.keys.all())  # what is wrong with them is said before anything is served
            if not http.trusts_machine and not has_keys:
                typer.echo("no key yet; make one:  orilla edge keys create NAME --scope ask", err=True)
            config = uvicorn.Config(
                create_app(agent, jobs, learning, http, authentication),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
                server_header=False,
                proxy_headers=bool(http.proxies),
                forwarded_allow_ips=list(http.proxies),
                ssl_certfile=http.certificate,
                ssl_keyfile=http.certificate_key,
                ws="none",
                timeout_keep_alive=_KEPT_ALIVE_S,
                http=DeadlineProtocol,
            )
            server = uvicorn.Server(config)
            server.should_exit = ending.is_asked
            server.run(sockets=[listener])


class _Ending:
    """Ends the process, and remembers that it was asked to: Python drops an exit that is raised in a `__del__`."""

    is_asked = False

    def __call__(self, *_: object) -> None:
        self.is_asked = True
        sys.exit(0)


def _keep_uploads_in(folder: Path) -> None:
    """Lets large uploads wait in a folder; what a server that was killed may have left there goes."""
    make_private_folder(folder)
    for left in folder.iterdir():
        left.unlink()
    tempfile.tempdir = str(folder)


def _return_large_blocks() -> None:
    """Makes what a large upload took go back to the system when it is freed; glibc would keep it for the next one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has an address and does not listen yet. Raises `InputInvalid`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputInvalid(f"cannot listen on {host} port {port}: {error.strerror}; pass another --port") from error
    return listener


def _shown(host: str) -> str:
    """A host as commands of this machine reach it."""
    reached = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{reached}]" if ":" in reached else reached
