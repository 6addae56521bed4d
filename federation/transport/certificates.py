"""Keys and certificates of a federation: a lab's own authority, the center's TLS certificate, each branch's key.

All through `cryptography`; no openssl program is needed. A firm with an authority of its own puts `ca.crt`,
`server.crt` and `server.key` of that authority in the folder instead (docs/federation.md). Branches are known to the
center by an elliptic-curve key (P-384) with which every request is signed; Flower has no client certificates.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from federation.errors import KeysInvalid
from federation.release.signing import write_secret
from student.artifacts.durable import write_durably

CA_CERTIFICATE, CA_KEY = "ca.crt", "ca.key"
SERVER_CERTIFICATE, SERVER_KEY = "server.crt", "server.key"
BRANCH_KEY, BRANCH_PUBLIC_KEY = "branch.key", "branch.pub"
_CURVE = ec.SECP384R1


def write_authority(folder: Path, hosts: Sequence[str], *, now: datetime, days: int = 365) -> None:
    """Makes a lab's authority and the center's certificate from it.

    Args:
        folder: where `ca.crt`, `ca.key`, `server.crt` and `server.key` go.
        hosts: names and addresses under which branches reach the center.
        now: from when the certificates are valid; five minutes are granted to clocks that are behind.
        days: how long they are.

    Raises:
        KeysInvalid: some of it exists: no key is ever written over.
    """
    check_no_authority(folder)
    authority_key, server_key = ec.generate_private_key(_CURVE()), ec.generate_private_key(_CURVE())
    subject = _name("Orilla lab authority")
    begin, end = now - timedelta(minutes=5), now + timedelta(days=days)
    authority = (
        _builder(subject, subject, authority_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, SHA384())
    )
    server = (
        _builder(subject, _name(hosts[0]), server_key.public_key(), begin, end)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, SHA384())
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, key in ((CA_KEY, authority_key), (SERVER_KEY, server_key)):
        write_secret(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for name, certificate in ((CA_CERTIFICATE, authority), (SERVER_CERTIFICATE, server)):
        write_durably(folder / name, certificate.public_bytes(Encoding.PEM))


def check_no_authority(folder: Path) -> None:
    """Checks that an authority can be made here.

    Raises:
        KeysInvalid: a file of one exists.
    """
    for name in (CA_CERTIFICATE, CA_KEY, SERVER_CERTIFICATE, SERVER_KEY):
        if (folder / name).exists():
            raise KeysInvalid(f"{folder} holds {name} already; keys are not written over, name another folder")


def write_branch_key(folder: Path) -> Path:
    """Makes a branch's key pair, in OpenSSH's format as Flower reads it; returns the public key's file.

    Raises:
        KeysInvalid: there is one.
    """
    if (folder / BRANCH_KEY).exists():
        raise KeysInvalid(f"{folder} holds {BRANCH_KEY} already; keys are not written over, name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(_CURVE())
    write_secret(folder / BRANCH_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    write_durably(folder / BRANCH_PUBLIC_KEY, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return folder / BRANCH_PUBLIC_KEY


def check_branch_public_key(content: bytes) -> None:
    """Checks a public key that a branch is to be known by.

    Raises:
        KeysInvalid: not OpenSSH's format, or not on a curve that Flower takes.
    """
    try:
        key = load_ssh_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeysInvalid(
            "the public key is not in OpenSSH's format; make one with ssh-keygen -t ecdsa -b 384"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeysInvalid("the public key is not an ECDSA key; make one with ssh-keygen -t ecdsa -b 384")


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Orilla"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
