"""The home's own authority and the page's certificate: made at the first start, limited to the home's names.

A family installs the authority on its phones; name constraints (RFC 5280 section 4.2.1.10) keep it from vouching for anything but the
names in the configuration, so a stolen key opens no bank. Its fingerprint is printed at the start for comparison.
"""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.errors import FileUnusable

_AUTHORITY_DAYS = 3650
_PAGE_DAYS = 397  # browsers take no longer
_RENEW_DAYS = 30


class Papers:
    """Where the certificates lie, and the authority's fingerprint (SHA-256, as browsers show it)."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.authority = folder / "authority.pem"
        self.certificate = folder / "page.pem"
        self.key = folder / "page.key"
        self.fingerprint = fingerprint


def papers(folder: Path, host_names: Sequence[str], now: datetime.datetime) -> Papers:
    """Return the certificates of the page, made or renewed if need be. Raises FileUnusable: they cannot be read or written."""
    try:
        authority = _load(folder / "authority.pem")
        if authority is None or _names(authority, constraint=True) != set(host_names):
            authority = _make_authority(folder, host_names, now)
        page = _load(folder / "page.pem")
        soon = now + datetime.timedelta(days=_RENEW_DAYS)
        if page is None or page.issuer != authority.subject or page.not_valid_after_utc < soon or _names(page) != set(host_names):
            _make_page(folder, authority, host_names, now)
    except OSError as error:
        raise FileUnusable(folder, error.strerror or str(error), "check its folder and its owner") from None
    except ValueError:
        raise FileUnusable(folder, "a certificate or key in it is damaged", "move it away, and trust the new authority") from None
    print_ = authority.fingerprint(hashes.SHA256()).hex(":").upper()
    return Papers(folder, print_)


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


def _make_authority(folder: Path, host_names: Sequence[str], now: datetime.datetime) -> x509.Certificate:
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
    _write(folder / "authority.key", _pem(key))
    _write(folder / "authority.pem", certificate.public_bytes(Encoding.PEM))
    return certificate


def _make_page(folder: Path, authority: x509.Certificate, host_names: Sequence[str], now: datetime.datetime) -> None:
    authority_key = load_pem_private_key((folder / "authority.key").read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise ValueError("authority.key")  # noqa: TRY004  # damaged, to the caller
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
    _write(folder / "page.key", _pem(key))
    _write(folder / "page.pem", certificate.public_bytes(Encoding.PEM))


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


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    # Beside it and renamed, so a crash leaves the old one; readable by the owner only from its first byte.
    partial = path.with_suffix(f"{path.suffix}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
