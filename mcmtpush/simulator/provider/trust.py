"""Who may push what on one connection: provider tokens and certificates.

Tokens are verified: ES256 over P-256 with the keys of a `Keyring`.  Source:
Apple, "Establishing a token-based connection to APNs".  The signature is the
raw r and s of JWS; DER is taken as well, for Apple's own recipe makes it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson
from attrs import frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mcmtpush.errors import ConfigError
from mcmtpush.simulator.provider.identity import Identity


_ES256: Final = ec.ECDSA(hashes.SHA256())
_RAW_BYTES: Final = 64
_REMEMBERED: Final = 1000


@frozen
class ProviderKey:
    """A key that may sign provider tokens; `environment` None means both."""

    key_id: str
    team_id: str
    public: ec.EllipticCurvePublicKey
    environment: str | None = None


def read_key(
    pem: bytes, key_id: str, team_id: str, environment: str | None, file: str = ""
) -> ProviderKey:
    """A key from the text of a .p8 file or of its public half; `ConfigError` if not."""
    try:
        if b"PRIVATE KEY" in pem:
            public: Any = serialization.load_pem_private_key(pem, None).public_key()
        else:
            public = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("holds no key (PEM without a pass phrase)", file) from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != (
        "secp256r1"
    ):
        raise ConfigError("is no key for ES256: that wants P-256", file)
    return ProviderKey(key_id, team_id, public, environment)


class ProviderToken(NamedTuple):
    """A token whose signature is good; `der` tells its form."""

    key: ProviderKey
    issued_at: float
    der: bool


class Keyring:
    """The keys a simulator knows, and the tokens it has verified already."""

    def __init__(self, keys: Iterable[ProviderKey] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}
        self._known: OrderedDict[str, ProviderToken | None] = OrderedDict()

    def read(self, text: str) -> ProviderToken | None:
        """The token in `text`; None when it is not one that a known key signed."""
        if text in self._known:
            return self._known[text]
        token = self._verify(text)
        self._known[text] = token
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return token

    def _verify(self, text: str) -> ProviderToken | None:
        try:
            signed, _, signature = text.encode("ascii").rpartition(b".")
            head, claims = (_read_part(part) for part in signed.split(b"."))
            key = self._keys.get(str(head.get("kid")))
            issued_at: Any = claims.get("iat")
            if (
                head.get("alg") != "ES256"
                or key is None
                or claims.get("iss") != key.team_id
                or type(issued_at) not in (int, float)
            ):
                return None
            raw = _decode(signature)
            der = len(raw) != _RAW_BYTES
            key.public.verify(raw if der else _as_der(raw), signed, _ES256)
        except (ValueError, InvalidSignature):
            return None
        return ProviderToken(key, issued_at, der)


def _read_part(part: bytes) -> dict[str, Any]:
    content = orjson.loads(_decode(part))
    if type(content) is not dict:
        raise ValueError("no object")
    return content


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _as_der(raw: bytes) -> bytes:
    half = _RAW_BYTES // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


@frozen
class Terms:
    """What Apple demands of tokens.

    Attributes:
        environment: this server's.
        life_seconds: how old a token may be, and how far ahead of the clock.
        rest_seconds: between two new tokens on one connection.
    """

    environment: str = "development"
    life_seconds: float = 3600.0
    rest_seconds: float = 1200.0


class Trust:
    """What one connection has shown so far.

    Team and key are bound by the first good token.  A token that was seen on the
    connection before is not a new one.
    """

    def __init__(
        self, keyring: Keyring, identity: Identity | None, terms: Terms = Terms()
    ) -> None:
        self.identity = identity
        self.bound: ProviderKey | None = None
        self.der = False
        self._keyring = keyring
        self._terms = terms
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._changed_at: float | None = None
        self._rests_until = 0.0

    @property
    def means(self) -> str | None:
        """`certificate`, `token`, or None as long as there was no good one."""
        if self.identity is not None:
            return "certificate"
        return "token" if self.bound else None

    def find_topic_fault(self, topic: str | None) -> str:
        """Whether this topic, or none, will do here; asked before who it is."""
        if self.identity is None:
            return "" if topic else "MissingTopic"
        topics = self.identity.topics
        if topic is None:
            return "" if len(topics) == 1 else "MissingTopic"
        return "" if topic in topics else "TopicDisallowed"

    def find_fault(self, authorization: str | None, now: float) -> str:
        """The reason not to believe this sender; empty if it is to be."""
        if self.identity is not None:
            return self._find_certificate_fault(self.identity)
        if authorization is None:
            return "MissingProviderToken"
        scheme, _, text = authorization.partition(" ")
        text = text.strip()
        token = self._keyring.read(text) if scheme.lower() == "bearer" else None
        if token is None:
            return "InvalidProviderToken"
        return (
            self._find_key_fault(token.key)
            or self._find_time_fault(token, now)
            or self._find_haste(text, now)
            or self._bind(token)
        )

    def _find_certificate_fault(self, identity: Identity) -> str:
        if not identity.trusted:
            return "BadCertificate"
        places = identity.environments
        good = not places or self._terms.environment in places
        return "" if good else "BadCertificateEnvironment"

    def _find_key_fault(self, key: ProviderKey) -> str:
        bound = self.bound
        if bound is not None and key.team_id != bound.team_id:
            return "InvalidProviderToken"
        if key.environment not in (None, self._terms.environment):
            return "BadEnvironmentKeyIdInToken"
        if bound is not None and key.key_id != bound.key_id:
            return "UnrelatedKeyIdInToken"
        return ""

    def _find_time_fault(self, token: ProviderToken, now: float) -> str:
        age = now - token.issued_at
        if age > self._terms.life_seconds:
            return "ExpiredProviderToken"
        return "InvalidProviderToken" if -age > self._terms.life_seconds else ""

    def _find_haste(self, text: str, now: float) -> str:
        """Whether tokens change too often: the connection is of no use for a while."""
        if text not in self._seen and self._seen:
            before, rest = self._changed_at, self._terms.rest_seconds
            if before is not None and 0 <= now - before < rest:
                self._rests_until = before + rest
            else:
                self._changed_at = now
        if now < self._rests_until:
            return "TooManyProviderTokenUpdates"
        self._seen[text] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return ""

    def _bind(self, token: ProviderToken) -> str:
        if self.bound is None:
            self.bound = token.key
        self.der = self.der or token.der
        return ""
