"""The PEM files of a context: our certificate and its key, and the authorities.

A file that cannot be used is a `ConfigError` that names the option and the path.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from mcmtpush.config.views import TlsClientSettings
from mcmtpush.delivery.tls.fault import fault


def load_certificate(context: SSL.Context, path: str, key_path: str | None) -> float:
    """Show this certificate and its chain; when it ends, seconds since the epoch.

    Without `key_path` the key is in the certificate's file.
    """
    content = _read("tls_certificate", path)
    try:
        chain = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise fault(
            "tls_certificate", f"{path} holds no PEM certificate", path
        ) from error
    key = _load_key(path, content, key_path)
    if chain[0].public_key() != key.public_key():
        where = key_path if is_given(key_path) else path
        raise fault(
            "tls_key", f"the key in {where} does not belong to the certificate", path
        )
    context.use_certificate(crypto.X509.from_cryptography(chain[0]))
    for issuer in chain[1:]:
        context.add_extra_chain_cert(crypto.X509.from_cryptography(issuer))
    context.use_privatekey(crypto.PKey.from_cryptography_key(key))
    return chain[0].not_valid_after_utc.timestamp()


def load_trust(context: SSL.Context, settings: TlsClientSettings) -> None:
    """Believe those whom `tls_verify` and `tls_ca` say, or anybody."""
    if settings.verify == "no":
        context.set_verify(SSL.VERIFY_NONE)
        return
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    path = settings.ca
    if path is None or not is_given(path):
        context.set_default_verify_paths()
        return
    try:
        trusted = x509.load_pem_x509_certificates(_read("tls_ca", path))
    except ValueError as error:
        raise fault("tls_ca", f"{path} holds no PEM certificate", path) from error
    store = context.get_cert_store()
    if store is None:
        raise fault("tls_ca", f"OpenSSL keeps no certificates for {path}", path)
    for certificate in trusted:
        store.add_cert(crypto.X509.from_cryptography(certificate))


def is_given(path: str | None) -> bool:
    """Whether a file is meant: `none` cancels what a wider scope sets."""
    return path is not None and path != "none"


def _load_key(certificate_path: str, content: bytes, key_path: str | None) -> Any:
    if key_path is not None and is_given(key_path):
        path, content = key_path, _read("tls_key", key_path)
    else:
        path = certificate_path
    try:
        return load_pem_private_key(content, None)
    except TypeError as error:
        raise fault(
            "tls_key", f"the key in {path} has a pass phrase; remove it", path
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "" if path != certificate_path else " and tls_key is not set"
        raise fault("tls_key", f"{path} holds no PEM key{hint}", path) from error


def _read(option: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - settings are strings
            return file.read()
    except OSError as error:
        raise fault(option, f"{path} cannot be read: {error.strerror}", path) from error
