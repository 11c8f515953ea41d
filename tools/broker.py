"""The broker of one machine: a real mosquitto with certificates of its own authority, an access list, and nothing anonymous.

Who a client is, is its certificate's common name: `ingester`, `site`, or a gateway's random alias. A gateway may write and read
below its own alias only, so it sees nobody else's messages and nobody else can write as it. TLS 1.3 only (threats T26).
"""

import datetime
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.services import end_with_parent

_VALID_DAYS = 3650
_PROGRAMS = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")

_ACCESS_LIST = """\
user ingester
topic read foyer/1/+/up
topic write foyer/1/+/down

user site
topic read foyer/1/+/link
topic write foyer/1/+/linked

pattern write foyer/1/%u/up
pattern write foyer/1/%u/link
pattern read foyer/1/%u/down
pattern read foyer/1/%u/linked
"""

_CONFIGURATION = """\
per_listener_settings false
listener {port} 127.0.0.1
cafile {folder}/authority.pem
crlfile {folder}/revoked.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {folder}/access.list
persistence true
persistence_location {folder}/kept/
autosave_interval 5
max_packet_size 300000
max_queued_messages 100000
max_inflight_messages 64
log_dest stdout
log_type error
log_type warning
log_type notice
user {user}
"""


class BrokerFailed(Exception):
    """The broker is missing or did not start; the message says what to do."""


class Certificate(NamedTuple):
    """Where a client's certificate and its private key lie."""

    certificate: Path
    key: Path


class Broker:
    """A mosquitto that can be stopped and started again, as its folder says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.authority = folder / "authority.pem"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def issue(self, name: str) -> Certificate:
        """Return a client certificate whose common name is `name`, made now unless it was before."""
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        if not made.certificate.exists():
            _issue(self.folder, name, server=False)
        return made

    def revoke(self, name: str) -> None:
        """Shut out whoever has the certificate of this name, from the broker's next start on; `issue` then makes a new one of that name.

        Raises BrokerFailed: no certificate of that name was made here.
        """
        lost = self.folder / f"{name}.pem"
        if not lost.exists():
            raise BrokerFailed(f"There is no certificate named {name} in {self.folder}: look at the names of its .pem files.")
        _revoke(self.folder, x509.load_pem_x509_certificate(lost.read_bytes()).serial_number)
        lost.unlink()
        (self.folder / f"{name}.key").unlink(missing_ok=True)

    def start(self, timeout_s: float = 10.0) -> None:
        """Start the broker and return when it takes connections. Raises BrokerFailed: it did not."""
        if self.running:
            return
        if self._answers():
            raise BrokerFailed(f"Port {self.port}, for the broker, is taken by another program: stop that program, or choose another port.")
        log = (self.folder / "broker.log").open("ab")
        self._process = subprocess.Popen(
            [program(), "-c", str(self.folder / "mosquitto.conf")],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        log.close()
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if not self.running:
                break
            if self._answers():
                return
            time.sleep(0.02)
        self.stop()
        raise BrokerFailed(f"The broker did not start on port {self.port}: its log is {self.folder / 'broker.log'}.")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Stop the broker as an operator would, and wait for it to end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Let the broker hang: it holds its connections and answers nobody, until `go_on`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def make(folder: Path, port: int) -> Broker:
    """Return the Broker of a folder: its authority, certificate, access list and configuration are written if they are not there."""
    (folder / "kept").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not (folder / "authority.pem").exists():
        _make_authority(folder)
    if not (folder / "broker.pem").exists():
        _issue(folder, "broker", server=True)
    if not (folder / "revoked.pem").exists():
        _revoke(folder)
    _write_private(folder / "access.list", _ACCESS_LIST.encode())
    user = "root" if os.geteuid() == 0 else "mosquitto"
    (folder / "mosquitto.conf").write_text(_CONFIGURATION.format(port=port, folder=folder, user=user), encoding="utf-8")
    return Broker(folder, port)


def gateway_alias() -> str:
    """Return a name for a gateway's certificate that tells nothing: 64 random bits."""
    return secrets.token_hex(8)


def program() -> str:
    """Return where mosquitto is. Raises BrokerFailed: it is not installed."""
    for candidate in (shutil.which("mosquitto"), *_PROGRAMS):
        if candidate and Path(candidate).exists():
            return candidate
    raise BrokerFailed("The broker mosquitto is not installed: run ./foyer setup, or install the package named mosquitto.")


def client_context(authority: Path, certificate: Certificate) -> ssl.SSLContext:
    """Return the TLS context of a client of this broker."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _make_authority(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Foyer broker authority")])
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(folder, "authority", certificate, key)


def _revoke(folder: Path, *serials: int) -> None:
    """Write the authority's list of revoked certificates (RFC 5280 section 5): those on it, and these."""
    authority, key = _authority(folder)
    path = folder / "revoked.pem"
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - datetime.timedelta(days=1))
        .next_update(now + datetime.timedelta(days=_VALID_DAYS))
    )
    for known in x509.load_pem_x509_crl(path.read_bytes()) if path.exists() else ():
        made = made.add_revoked_certificate(known)
    for serial in serials:
        made = made.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build())
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = load_pem_private_key((folder / "authority.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BrokerFailed(f"The key in {folder / 'authority.key'} is not the broker authority's: remove the folder and start again.")
    return x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes()), key


def _issue(folder: Path, name: str, *, server: bool) -> None:
    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if server:
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write_pair(folder, name, builder.sign(authority_key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _write_private(folder / f"{name}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(data)
