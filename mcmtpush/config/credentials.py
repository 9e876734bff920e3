"""Whether the certificates and keys that a configuration names will serve.

Reads the files through the `Files` port; knows which options name such files,
but not who uses them: the pairs that belong together come from the caller.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from attrs import define, field
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mcmtpush.config.certificate import (
    environments_of,
    load_certificates,
    topic_of,
)
from mcmtpush.config.finding import about
from mcmtpush.config.listen import is_on
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.scopes import resolve
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Files


DAY_SECONDS: Final = 86400
SOON_DAYS: Final = 30
_TRUSTED: Final = ("tls_ca", "tls_client_ca")
_CREDENTIALS: Final = ("tls_certificate", "tls_key", "apn_key_file", *_TRUSTED)
_KEY: Final = re.compile(
    rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL
)


@define
class Credentials:
    """Checks the files of one configuration, each of them once.

    Attributes:
        files: how files are read.
        now: seconds since the epoch, to see what expired.
        ours: folder of the development certificates, which the program makes and
            renews by itself; None when it does not.
    """

    files: Files
    now: float
    ours: str | None
    _contents: dict[str, bytes | OSError] = field(factory=dict, init=False)

    @classmethod
    def of(cls, root: Scope, files: Files, now: float) -> Credentials:
        """For a whole configuration."""
        simulated = any(is_on(scope) for scope in root.of_kind("apns_simulator"))
        spool = resolve(OPTIONS["spoolbase"], [root]).value
        ours = posixpath.join(spool, "development", "") if simulated else None
        return cls(files, now, ours)

    def check_files(self, scope: Scope) -> Iterator[ConfigError]:
        """Findings about the files that this scope itself names."""
        for name in _CREDENTIALS:
            for setting in scope.settings.get(name, [])[-1:]:
                if not self._is_ours(setting.value):
                    yield from self._check_file(setting)

    def check_pair(
        self, certificate: Setting | None, key: Setting | None, *, complete: bool
    ) -> Iterator[ConfigError]:
        """Findings about a certificate and the key used with it.

        Args:
            certificate: its setting; nothing is checked without one.
            key: its setting; without one the key is in the certificate's file.
            complete: nothing nearer can add the key.
        """
        if certificate is None or self._is_ours(certificate.value):
            return
        if key is None or key.value == "none":
            text = self._text(certificate.value)
            if text is not None and _KEY.search(text):
                yield from self._check_key(certificate)
            elif text is not None and complete:
                yield about(
                    certificate,
                    f"{certificate.value} holds no private key and tls_key is not set",
                )
            key = certificate
        yield from self._check_match(certificate, key)

    def check_topic(self, certificate: Setting) -> Iterator[ConfigError]:
        """A finding when it names no app and nobody else does."""
        path = certificate.value
        found = None if self._is_ours(path) else self._certificate(path)
        if found is not None and topic_of(found) is None:
            yield about(
                certificate,
                f"{path} names no app and apn_topic is not set: every message for an "
                "apn2 route must bring X-APNs-Topic",
                "warning",
            )

    def check_environment(
        self, certificate: Setting, environment: str, host: str
    ) -> Iterator[ConfigError]:
        """A finding when Apple takes it in the other environment only."""
        path = certificate.value
        found = None if self._is_ours(path) else self._certificate(path)
        taken = frozenset() if found is None else environments_of(found)
        if taken and environment not in taken:
            yield about(
                certificate,
                f"{path} is for {' and '.join(sorted(taken))} only, and {host} is for "
                f"{environment}",
            )

    def _is_ours(self, path: str) -> bool:
        return path == "none" or (self.ours is not None and path.startswith(self.ours))

    def _read(self, path: str) -> bytes | OSError:
        if path not in self._contents:
            try:
                self._contents[path] = self.files.read(path)
            except OSError as error:
                self._contents[path] = error
        return self._contents[path]

    def _text(self, path: str) -> bytes | None:
        content = self._read(path)
        return content if isinstance(content, bytes) else None

    def _check_file(self, setting: Setting) -> Iterator[ConfigError]:
        content = self._read(setting.value)
        name = setting.option.name
        if isinstance(content, OSError):
            reason = content.strerror or type(content).__name__
            yield about(setting, f"{name} {setting.value} cannot be read: {reason}")
        elif name in _TRUSTED:
            if self._certificate(setting.value) is None:
                text = f"{setting.value} holds no certificates in PEM form"
                yield about(setting, text)
        elif name in {"tls_key", "apn_key_file"}:
            yield from self._check_key(setting)
        else:
            yield from self._check_certificate(setting)

    def _check_certificate(self, setting: Setting) -> Iterator[ConfigError]:
        path = setting.value
        certificate = self._certificate(path)
        if certificate is None:
            yield about(setting, f"{path} holds no certificate in PEM form")
            return
        ends = certificate.not_valid_after_utc
        left = ends.timestamp() - self.now
        if left < 0:
            yield about(setting, f"certificate {path} expired on {ends:%Y-%m-%d}")
        elif left < SOON_DAYS * DAY_SECONDS:
            days = int(left // DAY_SECONDS)
            text = f"certificate {path} expires on {ends:%Y-%m-%d}, in {days} days"
            yield about(setting, text, "warning")
        begins = certificate.not_valid_before_utc
        if begins.timestamp() > self.now:
            text = f"certificate {path} is not valid before {begins:%Y-%m-%d %H:%M} UTC"
            yield about(setting, text, "warning")

    def _check_key(self, setting: Setting) -> Iterator[ConfigError]:
        path = setting.value
        key = self._key(path)
        if isinstance(key, str):
            yield about(setting, f"{path} {key}")
        elif setting.option.name == "apn_key_file" and not _signs_tokens(key):
            text = f"{path} is no key on the curve P-256, which provider tokens need"
            yield about(setting, text)
        try:
            mode = self.files.mode(path)
        except OSError:
            return
        if mode & 0o004:
            text = f"key {path} is readable by everybody (mode {mode:04o}): chmod 600"
            yield about(setting, text, "warning")

    def _check_match(self, certificate: Setting, key: Setting) -> Iterator[ConfigError]:
        public = self._certificate(certificate.value)
        private = self._key(key.value)
        if public is None or isinstance(private, str):
            return
        try:
            same = _spki(public) == _spki(private)
        except (ValueError, UnsupportedAlgorithm):
            return
        if not same:
            yield about(key, f"key {key.value} does not belong to {certificate.value}")

    def _certificate(self, path: str) -> x509.Certificate | None:
        return next(iter(load_certificates(self._text(path) or b"")), None)

    def _key(self, path: str) -> PrivateKeyTypes | str:
        """The key, or what is wrong with it."""
        found = _KEY.search(self._text(path) or b"")
        if found is None:
            return "holds no private key in PEM form"
        try:
            return load_pem_private_key(found[0], None)
        except TypeError:
            return "has a passphrase: nobody is there to type it; remove it"
        except (ValueError, UnsupportedAlgorithm):
            return "holds a private key that cannot be read"


def _signs_tokens(key: PrivateKeyTypes) -> bool:
    """ES256, the only kind that Apple takes."""
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)


def _spki(holder: x509.Certificate | PrivateKeyTypes) -> bytes:
    """The public half in one form that can be compared."""
    return holder.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
