"""The home's own authority and the page's certificate: made at the first start, limited to the home's names.

A family installs the authority on its phones; name constraints (RFC 5280 section 4.2.1.10) keep it from vouching for anything but the
names in the configuration, so a stolen key opens no bank. Its fingerprint is printed at the start for comparison. Both keys lie closed
under passwords that follow from the master key.
"""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.edges.master_key import MasterKey, is_closed_pem, put
from gateway.errors import FileUnusable

_AUTHORITY_DAYS = 3650
_PAGE_DAYS = 397  # browsers take no longer
_RENEW_DAYS = 30


class Papers:
    """Where the certificates lie, the password of the page's key, and the authority's fingerprint (SHA-256, as browsers show it)."""

    def __init__(self, folder: Path, password: bytes, fingerprint: str) -> None:
        self.authority = folder / "authority.pem"
        self.certificate = folder / "page.pem"
        self.key = folder / "page.key"
        self.password = password.decode()
        self.fingerprint = fingerprint


def papers(folder: Path, host_names: Sequence[str], now: datetime.datetime, master: MasterKey) -> Papers:
    """Return the certificates of the page, made or renewed if need be. Raises FileUnusable: they cannot be read or written."""
    try:
        authority = _load(folder / "authority.pem")
        if authority is None or _names(authority, constraint=True) != set(host_names):
            authority = _make_authority(folder, host_names, now, master)
        page = _load(folder / "page.pem")
        soon = now + datetime.timedelta(days=_RENEW_DAYS)
        if page is None or page.issuer != authority.subject or page.not_valid_after_utc < soon or _names(page) != set(host_names):
            _make_page(folder, authority, host_names, now, master)
        for name in ("authority.key", "page.key"):
            _key(folder / name, master)
    except OSError as error:
        raise FileUnusable(folder, error.strerror or str(error), "check its folder and its owner") from None
    except ValueError:
        cause = "a certificate or key in it is damaged, or closed under another master key"
        raise FileUnusable(folder, cause, "move it away, and trust the new authority") from None
    print_ = authority.fingerprint(hashes.SHA256()).hex(":").upper()
    return Papers(folder, master.password("page.key"), print_)


def _load(path: Path) -> x509.Certificate | None:
    return x509.load_pem_x509_certificate(path.read_bytes()) if path.exists() else None


def _general(name: str, *, constraint: bool) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(ipaddress.ip_network(address)) if constraint else x509.IPAddress(address)


def _names(certificate: x509.Certificate, *, constraint: bool = False) -> set[str]:
    if constraint:
        permitted = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
        return {str(name.value).removesuffix("/32").removesuffix("/128") for name in permitted}
    return {str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value}


def _make_authority(folder: Path, host_names: Sequence[str], now: datetime.datetime, master: MasterKey) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Foyer home {os.urandom(4).hex()}")])
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([_general(host, constraint=True) for host in host_names], None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _close(folder / "authority.key", key, master)
    put(folder / "authority.pem", certificate.public_bytes(Encoding.PEM))
    return certificate


def _make_page(folder: Path, authority: x509.Certificate, host_names: Sequence[str], now: datetime.datetime, master: MasterKey) -> None:
    authority_key = _key(folder / "authority.key", master)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Foyer")])
    certificate = (
        _builder(name, authority.subject, key, now, _PAGE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(host, constraint=False) for host in host_names]), critical=False)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _close(folder / "page.key", key, master)
    put(folder / "page.pem", certificate.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days - 1))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _close(path: Path, key: ec.EllipticCurvePrivateKey, master: MasterKey) -> None:
    put(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(master.password(path.name))))


def _key(path: Path, master: MasterKey) -> ec.EllipticCurvePrivateKey:
    """Return the private key in a file; one in clear is closed from now on. Raises ValueError: damaged, or closed under another key."""
    pem = path.read_bytes()
    closed = is_closed_pem(pem)
    key = load_pem_private_key(pem, master.password(path.name) if closed else None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(path.name)  # noqa: TRY004  # damaged, to the caller
    if not closed:
        _close(path, key, master)
    return key
