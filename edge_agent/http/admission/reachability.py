"""Checks, before anything is opened, of how a server will be reached: no keys in clear over a network."""

import ipaddress
import ssl
from pathlib import Path

from edge_agent.errors import InputInvalid
from edge_agent.settings import HttpSettings


def require_protection(address: str, settings: HttpSettings) -> None:
    """Raises `InputInvalid` where keys would cross a network in clear, or where everything is open to it.

    Args:
        address: that the server listens on.
        settings: how it is reached.
    """
    is_loopback = ipaddress.ip_address(address).is_loopback
    if settings.trusts_machine and settings.proxies:
        raise InputInvalid(
            "--trust-this-machine opens everything to what asks without a key, and a proxy asks for others; leave "
            "one of --trust-this-machine and --behind-proxy away"
        )
    if settings.trusts_machine and not is_loopback:
        raise InputInvalid(
            f"--trust-this-machine opens everything without a key, and {address} is reached from elsewhere too; "
            "listen on 127.0.0.1, or leave it away and make keys with `orilla edge keys create`"
        )
    if not is_loopback and settings.certificate is None and not settings.proxies:
        raise InputInvalid(
            f"{address} is reached over a network, which keys and answers would cross in clear; pass --tls-certificate "
            "and --tls-key, or --behind-proxy ADDRESS where a proxy speaks TLS for the server, or listen on 127.0.0.1"
        )


def checked_certificate(certificate: Path | None, key: Path | None) -> None:
    """Raises `InputInvalid` where a certificate and its key do not fit, or everybody can read the key."""
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise InputInvalid(
            "a certificate needs its key and a key its certificate; pass --tls-certificate and --tls-key"
        )
    try:
        if key.stat().st_mode & 0o007:
            raise InputInvalid(f"the key {key} can be read by every user of this machine; chmod 640 or 600 it first")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise InputInvalid(
            f"the certificate {certificate} with the key {key} cannot be used ({type(error).__name__}); expected PEM "
            "files that belong together, the certificate followed by those of its issuers, and no password"
        ) from error


def checked_proxy(address: str) -> str:
    """The address, or network, of a proxy. Raises `InputInvalid`."""
    try:
        return (
            str(ipaddress.ip_network(address, strict=False)) if "/" in address else str(ipaddress.ip_address(address))
        )
    except ValueError:
        raise InputInvalid(
            f"{address!r} is no address of a proxy; expected one such as 192.0.2.7 or 192.0.2.0/24"
        ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")
