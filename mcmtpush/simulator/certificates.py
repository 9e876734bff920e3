"""Certificates for development, and the simulator's side of TLS.

A small authority of its own, made on first use: nobody needs Apple, a shell or
openssl to have a gateway with TLS on this machine.  Not for anything real.
"""

from __future__ import annotations

import datetime as dt
import os
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mcmtpush.errors import ConfigError
from mcmtpush.ports import Now


CLIENT_NAME: Final = "Apple Development Push Services: example"
TOPIC: Final = "com.example.app"
KEY_ID: Final = "DEVKEY0001"
TEAM_ID: Final = "DEVTEAM001"
AUTHORITY_NAME: Final = "mcmtpush development authority"

_DAY: Final = dt.timedelta(days=1)
_LIFE: Final = 825 * _DAY
_EARLY: Final = 7 * _DAY  # renewed so long before the end
_DEVELOPMENT: Final = ObjectIdentifier("1.2.840.113635.100.6.3.1")
_NULL: Final = b"\x05\x00"


@frozen
class CertificatePaths:
    """Where everything lies: absolute if the folder was."""

    ca: str
    server: str
    server_key: str
    client: str
    client_key: str


def make_development_certificates(folder: str, now: Now) -> CertificatePaths:
    """An authority, a certificate for this machine and one for its clients.

    Files are ca.pem, server.pem, server.key, client.pem and client.key; what is
    there and good for another week is left alone, else all are made anew.  Keys
    get mode 0600, the folder 0700 if it has to be made.  Raises OSError, and
    `ConfigError` when the folder holds certificates from elsewhere.
    """
    where = Path(folder)
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("ca.pem", "server.pem", "client.pem"):
        _refuse_foreign(where / name)
    at = dt.datetime.fromtimestamp(now(), dt.UTC)
    if not _is_good(where, at):
        _make(where, at)
    names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
    return CertificatePaths(*(str(where / name) for name in names))


def make_development_key(folder: str) -> str:
    """The path of the key that signs provider tokens, made if there is none.

    Its name tells its id, as with Apple's; `KEY_ID` of the team `TEAM_ID`.  Raises
    OSError.
    """
    where = Path(folder)
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = where / f"AuthKey_{KEY_ID}.p8"
    try:
        _load_key(path)
        path.chmod(0o600)
    except (FileNotFoundError, ValueError, TypeError):
        _write(path, _key_text(ec.generate_private_key(ec.SECP256R1())), 0o600)
    return str(path)


def server_context(
    certificate: str,
    key: str | None = None,
    *,
    old_tls: bool = False,
    alpn: bytes | None = None,
) -> ServerContext:
    """TLS 1.2 and later for a listening simulator, from PEM files.

    `key` None means that it stands in the certificate's file.  `old_tls` lets
    clients of the interface's own time in, which know TLS 1.0 only.  `alpn` is the
    protocol to be agreed on; other clients get none.  Raises
    `ConfigError` when the files cannot be used.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_VERSION if old_tls else SSL.TLS1_2_VERSION)
    if old_tls:
        context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    # The key first: OpenSSL blames a key that does not fit what is there already.
    for path, use in (
        (key or certificate, context.use_privatekey_file),
        (certificate, context.use_certificate_chain_file),
    ):
        try:
            Path(path).read_bytes()
            use(path)
        except (OSError, SSL.Error) as error:
            raise ConfigError(f"cannot be used: {_explain(error)}", path) from error
    try:
        context.check_privatekey()
    except SSL.Error as error:
        text = f"the key does not belong to the certificate {certificate}"
        raise ConfigError(text, key or certificate) from error
    # Any client certificate will do, and none as well: this is a pretence.
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.set_session_id(b"mcmtpush-simulator")
    if alpn is not None:
        context.set_alpn_select_callback(
            lambda _, offered: alpn if alpn in offered else SSL.NO_OVERLAPPING_PROTOCOLS
        )
    return ServerContext(context)


@implementer(IOpenSSLServerConnectionCreator)
class ServerContext:
    """What `listenSSL` and `TLSMemoryBIOFactory` ask for a server's side."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, _protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A new connection; it demands nothing of the client."""
        return SSL.Connection(self._context, None)


def _explain(error: OSError | SSL.Error) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it holds no such PEM block, or it needs a pass phrase"


# -- what is there ----------------------------------------------------------------


def _refuse_foreign(path: Path) -> None:
    try:
        issuer = _load(path).issuer
    except (FileNotFoundError, ValueError):
        return
    if issuer != _name(AUTHORITY_NAME):
        text = "comes from elsewhere, choose another folder for development"
        raise ConfigError(text, str(path))


def _is_good(folder: Path, at: dt.datetime) -> bool:
    try:
        ca = _load(folder / "ca.pem")
        leaves = [_load(folder / name) for name in ("server.pem", "client.pem")]
        keys = [folder / name for name in ("server.key", "client.key")]
        for leaf, key in zip(leaves, keys, strict=True):
            leaf.verify_directly_issued_by(ca)
            if leaf.public_key() != _load_key(key).public_key():
                return False
            key.chmod(0o600)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    if _topic_of(leaves[1]) != TOPIC:
        return False
    return all(
        each.not_valid_before_utc <= at < each.not_valid_after_utc - _EARLY
        for each in (ca, *leaves)
    )


def _topic_of(certificate: x509.Certificate) -> str | None:
    users = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(users[0].value) if users else None


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key of ours")
    return key


# -- making anew ------------------------------------------------------------------


def _make(folder: Path, at: dt.datetime) -> None:
    ca_key, server_key, client_key = (
        ec.generate_private_key(ec.SECP256R1()) for _ in range(3)
    )
    issuer = _name(AUTHORITY_NAME)
    ca = _authority(issuer, ca_key, at)
    server = (
        _leaf(_name("localhost"), issuer, server_key, ca_key, at)
        .add_extension(_here(), critical=False)
        .add_extension(_usage(ExtendedKeyUsageOID.SERVER_AUTH), critical=False)
    )
    client = (
        _leaf(_name(CLIENT_NAME, TOPIC), issuer, client_key, ca_key, at)
        .add_extension(_usage(ExtendedKeyUsageOID.CLIENT_AUTH), critical=False)
        .add_extension(x509.UnrecognizedExtension(_DEVELOPMENT, _NULL), critical=False)
    )
    for name, content, mode in (
        ("server.key", _key_text(server_key), 0o600),
        ("client.key", _key_text(client_key), 0o600),
        ("server.pem", _sign(server, ca_key), 0o644),
        ("client.pem", _sign(client, ca_key), 0o644),
        ("ca.pem", _sign(ca, ca_key), 0o644),
    ):
        _write(folder / name, content, mode)


def _name(common: str, user: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if user:
        parts.insert(0, x509.NameAttribute(NameOID.USER_ID, user))
    return x509.Name(parts)


def _authority(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, at: dt.datetime
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key, at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )


def _leaf(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    at: dt.datetime,
) -> x509.CertificateBuilder:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(name, issuer, key, at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(authority, critical=False)
    )


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    at: dt.datetime,
) -> x509.CertificateBuilder:
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _DAY)
        .not_valid_after(at + _LIFE)
        .add_extension(subject_key, critical=False)
    )


def _here() -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ip_address("127.0.0.1")),
            x509.IPAddress(ip_address("::1")),
        ]
    )


def _usage(purpose: ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([purpose])


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all; never readable by others for a moment."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
