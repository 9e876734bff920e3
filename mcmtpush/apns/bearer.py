"""Provider tokens: when one is made, how long it serves, whether clocks agree.

A token is a JSON Web Token, signed with the team's key, in which nothing but its
age matters; making one too often is punished like letting it grow too old.  Rules
of this file:

- One token serves everybody who has the same key, key id and team.
- It is renewed when it is 50 minutes old by the monotonic clock, or when the wall
  clock was set since, so that its time of issue is wrong; or when Apple says so.
- Never sooner than 20 minutes after the one before, whoever asks.

Keeps no time and reads no files.  Source: Apple, "Establishing a token-based
connection to APNs".
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final

import orjson
from attrs import define, field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mcmtpush.errors import ConfigError


RENEW_SECONDS: Final = 3000.0
"""Apple refuses a token that is an hour old."""

REST_SECONDS: Final = 1200.0
"""Apple refuses a connection two tokens of which are younger than this."""

STEP_SECONDS: Final = 30.0
"""So far wall clock and monotonic clock may part before a token counts as wrong."""

SKEW_SECONDS: Final = 300.0
"""From so much on a difference to the peer's clock is worth telling."""

_MAX_KEYS: Final = 1024


@frozen
class Instant:
    """One moment on both clocks, in seconds: since the epoch, and since some time."""

    wall: float
    monotonic: float


@frozen
class _Issued:
    bearer: bytes
    at: Instant


def load_key(key: bytes, file: str) -> EllipticCurvePrivateKey:
    """The key of a .p8 file; raises `ConfigError` when it signs no provider tokens."""
    try:
        loaded = load_pem_private_key(key, None)
    except TypeError as error:
        raise _bad(file, "has a passphrase: nobody is there to type it") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(file, "holds no private key that can be read") from error
    if not isinstance(loaded, EllipticCurvePrivateKey) or not isinstance(
        loaded.curve, SECP256R1
    ):
        raise _bad(file, "is no key on the curve P-256, which provider tokens need")
    return loaded


def _bad(file: str, fault: str) -> ConfigError:
    return ConfigError(f"{file} {fault}", file, option="apn_key_file")


def sign_token(
    key: EllipticCurvePrivateKey,
    header: Mapping[str, str],
    claims: Mapping[str, str | int],
) -> bytes:
    """A JSON Web Token under ES256: RFC 7515, appendix A.3.

    JWS wants the two numbers of the signature as they are, 32 bytes each, where
    everybody else writes them in DER.
    """
    said = b".".join(_encode(orjson.dumps(dict(part))) for part in (header, claims))
    numbers = decode_dss_signature(key.sign(said, ECDSA(SHA256())))
    signature = b"".join(number.to_bytes(32) for number in numbers)
    return said + b"." + _encode(signature)


def _encode(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")


@define(eq=False)
class Minter:
    """The tokens of one key, key id and team.

    Attributes:
        minted: how many were made.
    """

    key_id: str
    team_id: str
    _key: EllipticCurvePrivateKey = field(repr=False)
    minted: int = field(default=0, init=False)
    _issued: _Issued | None = field(default=None, init=False, repr=False)
    _unwanted: bool = field(default=False, init=False)

    def bearer(self, now: Instant) -> bytes:
        """The value of `authorization`, made if need be and if it may be."""
        issued = self._issued
        if issued is None or (self._due(issued, now) and _rested(issued, now)):
            issued = self._issue(now)
        return issued.bearer

    def is_old(self, bearer: bytes, now: Instant) -> bool:
        """Whether a connection that has this one should hand over to a new one.

        That is so when there is a newer token, or one may be made and is due.
        """
        issued = self._issued
        if issued is None or issued.bearer != bearer:
            return True
        return self._due(issued, now) and _rested(issued, now)

    def renew(self, bearer: bytes, now: Instant) -> bool:
        """Apple calls this one expired or wrong; whether there is another now.

        One younger than `REST_SECONDS` is kept, but replaced as soon as it may be.
        """
        issued = self._issued
        if issued is None or issued.bearer != bearer:
            return True
        self._unwanted = True
        if not _rested(issued, now):
            return False
        self._issue(now)
        return True

    def _due(self, issued: _Issued, now: Instant) -> bool:
        return (
            self._unwanted
            or _age(issued, now) >= RENEW_SECONDS
            or clock_step(issued.at, now) > STEP_SECONDS
        )

    def _issue(self, now: Instant) -> _Issued:
        header = {"alg": "ES256", "kid": self.key_id, "typ": "JWT"}
        claims: dict[str, str | int] = {"iss": self.team_id, "iat": int(now.wall)}
        token = sign_token(self._key, header, claims)
        self.minted += 1
        self._unwanted = False
        self._issued = _Issued(b"bearer " + token, now)
        return self._issued


class Mint:
    """The one of a process: whoever has the same key has the same tokens."""

    def __init__(self) -> None:
        self._minters: dict[tuple[bytes, str, str], Minter] = {}

    def minter(self, key: bytes, *, key_id: str, team_id: str, file: str) -> Minter:
        """For the content of a .p8 file; raises `ConfigError`.

        A file with another key makes another minter, so keys rotate by being
        replaced.  `file` is for the operator.
        """
        name = (sha256(key).digest(), key_id, team_id)
        minter = self._minters.get(name)
        if minter is None:
            minter = Minter(key_id, team_id, load_key(key, file))
            if len(self._minters) >= _MAX_KEYS:
                del self._minters[next(iter(self._minters))]
            self._minters[name] = minter
        return minter


def clock_step(since: Instant, now: Instant) -> float:
    """By how many seconds the wall clock was set, forth or back, since then."""
    return abs((now.wall - since.wall) - (now.monotonic - since.monotonic))


def read_skew(date: bytes, wall: float) -> float | None:
    """How far our wall clock is ahead of an answer's `date`, in seconds.

    Negative when it is behind; None when the header is no date.  It is right to
    a second or so, and to the time the answer took.
    """
    try:
        moment = parsedate_to_datetime(date.decode("ascii"))
        return wall - moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _age(issued: _Issued, now: Instant) -> float:
    return now.monotonic - issued.at.monotonic


def _rested(issued: _Issued, now: Instant) -> bool:
    return _age(issued, now) >= REST_SECONDS
