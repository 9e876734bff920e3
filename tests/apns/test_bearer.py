"""Provider tokens over time, on clocks that are set, and keys that are none."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.apns.bearer import (
    RENEW_SECONDS,
    REST_SECONDS,
    Instant,
    Mint,
    Minter,
    clock_step,
    load_key,
    read_skew,
    sign_token,
)
from mcmtpush.errors import ConfigError
from tests.support.case import TestCase, readable


KEY = ec.generate_private_key(ec.SECP256R1())
START = Instant(1_764_080_000.0, 500.0)


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    )


def later(seconds: float, *, set_by: float = 0.0, since: Instant = START) -> Instant:
    """So much later, the wall clock set by so much meanwhile."""
    return Instant(since.wall + seconds + set_by, since.monotonic + seconds)


def a_minter() -> Minter:
    return Mint().minter(pem(KEY), key_id="ABC123DEFG", team_id="DEF123GHIJ", file="k")


def decode(part: bytes) -> bytes:
    assert b"=" not in part
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def parts(bearer: bytes) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims of a token whose signature is checked."""
    scheme, _, token = bearer.partition(b" ")
    assert scheme == b"bearer"
    said, _, signature = token.rpartition(b".")
    numbers = decode(signature)
    assert len(numbers) == 64
    der = encode_dss_signature(
        int.from_bytes(numbers[:32]), int.from_bytes(numbers[32:])
    )
    KEY.public_key().verify(der, said, ec.ECDSA(SHA256()))
    header, claims = said.split(b".")
    return orjson.loads(decode(header)), orjson.loads(decode(claims))


def claims(bearer: bytes) -> dict[str, object]:
    return parts(bearer)[1]


class TokenTests(TestCase):
    def test_content(self) -> None:
        """Key id in the header, team and whole seconds in the claims, signed."""
        bearer = a_minter().bearer(Instant(1_764_080_000.7, 3.0))
        self.assertEqual(
            parts(bearer),
            (
                {"alg": "ES256", "kid": "ABC123DEFG", "typ": "JWT"},
                {"iss": "DEF123GHIJ", "iat": 1_764_080_000},
            ),
        )

    def test_published_example(self) -> None:
        """The header of RFC 7515, appendix A.3, is encoded as there."""
        token = sign_token(KEY, {"alg": "ES256"}, {"iss": "joe"})
        header, claims, _ = token.split(b".")
        self.assertEqual(header, b"eyJhbGciOiJFUzI1NiJ9")
        self.assertEqual(claims, b"eyJpc3MiOiJqb2UifQ")

    def test_short_numbers(self) -> None:
        """Numbers that begin with zeros keep their 32 bytes."""
        for number in range(600):
            header, _ = parts(b"bearer " + sign_token(KEY, {"n": str(number)}, {}))
            self.assertEqual(header, {"n": str(number)})

    def test_secrets_are_not_shown(self) -> None:
        """Neither key nor token stand in what diagnostics print."""
        minter = a_minter()
        token = minter.bearer(START).decode()
        self.assertNotIn(token[7:30], repr(minter))
        self.assertNotIn("PRIVATE", repr(minter))


class AgeTests(TestCase):
    def setUp(self) -> None:
        self.minter = a_minter()
        self.first = self.minter.bearer(START)

    def test_serves_fifty_minutes(self) -> None:
        """The same token for all that time, and then another."""
        for seconds in (0, 1199, 1201, 2999.9):
            self.assertEqual(self.minter.bearer(later(seconds)), self.first)
            self.assertFalse(self.minter.is_old(self.first, later(seconds)))
        now = later(3000)
        self.assertTrue(self.minter.is_old(self.first, now))
        second = self.minter.bearer(now)
        self.assertNotEqual(second, self.first)
        self.assertEqual(claims(second)["iat"], 1_764_083_000)
        self.assertTrue(self.minter.is_old(self.first, now))
        self.assertFalse(self.minter.is_old(second, now))

    def test_clock_set(self) -> None:
        """A token from before the clock was set is replaced, when it has rested."""
        for seconds, set_by, old in (
            (1300, 0, False),
            (1300, 29, False),
            (1300, 31, True),
            (1300, -31, True),
            (1300, 86400 * 365, True),
            (1199, 3600, False),
            (1199, -3600, False),
        ):
            now = later(seconds, set_by=set_by)
            self.assertEqual(
                self.minter.is_old(self.first, now), old, (seconds, set_by)
            )
        now = later(1300, set_by=-7200)
        self.assertEqual(claims(self.minter.bearer(now))["iat"], 1_764_074_100)

    def test_renewed_on_demand(self) -> None:
        """Apple's word renews a token, but not within twenty minutes."""
        self.assertFalse(self.minter.renew(self.first, later(1199)))
        self.assertEqual(self.minter.bearer(later(1199)), self.first)
        self.assertFalse(self.minter.is_old(self.first, later(1199)))
        self.assertTrue(self.minter.is_old(self.first, later(1200)))
        second = self.minter.bearer(later(1200))
        self.assertNotEqual(second, self.first)
        self.assertEqual(self.minter.bearer(later(2401)), second)

    def test_renewed_at_once(self) -> None:
        """When it has rested there is another at once; who comes late gets that."""
        now = later(1500)
        self.assertTrue(self.minter.renew(self.first, now))
        second = self.minter.bearer(now)
        self.assertNotEqual(second, self.first)
        self.assertTrue(self.minter.renew(self.first, now))
        self.assertEqual(self.minter.bearer(now), second)
        self.assertEqual(self.minter.minted, 2)

    def test_before_the_first(self) -> None:
        """Without a token every other one is old."""
        minter = a_minter()
        self.assertTrue(minter.is_old(b"bearer x", START))
        self.assertTrue(minter.renew(b"bearer x", START))
        self.assertEqual(minter.minted, 0)


class MintTests(TestCase):
    def test_one_for_all(self) -> None:
        """Who has the same key, id and team has the same tokens."""
        mint, key = Mint(), pem(KEY)
        first = mint.minter(key, key_id="a", team_id="b", file="x")
        self.assertIs(mint.minter(key, key_id="a", team_id="b", file="y"), first)
        for other in (
            mint.minter(key, key_id="b", team_id="b", file="x"),
            mint.minter(key, key_id="a", team_id="a", file="x"),
            mint.minter(
                pem(ec.generate_private_key(ec.SECP256R1())),
                key_id="a",
                team_id="b",
                file="x",
            ),
        ):
            self.assertIsNot(other, first)

    def test_bounded(self) -> None:
        """Keys that came and went do not pile up."""
        mint, key = Mint(), pem(KEY)
        for number in range(1030):
            mint.minter(key, key_id=str(number), team_id="b", file="x")
        self.assertEqual(len(mint._minters), 1024)


class KeyTests(TestCase):
    def test_bad_keys(self) -> None:
        """Whatever signs no provider tokens is named, with its file and option."""
        for content, fault in (
            (b"", "no private key"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "no priv",
            ),
            (pem(KEY)[:-40], "no private key"),
            (pem(KEY, BestAvailableEncryption(b"x")), "passphrase"),
            (pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
            (pem(rsa.generate_private_key(65537, 2048)), "P-256"),
            (pem(ed25519.Ed25519PrivateKey.generate()), "P-256"),
        ):
            with self.assertRaises(ConfigError) as caught:
                load_key(content, "AuthKey.p8")
            self.assertIn(fault, str(caught.exception))
            self.assertEqual(caught.exception.file, "AuthKey.p8")
            self.assertEqual(caught.exception.option, "apn_key_file")

    @readable
    @given(st.binary(max_size=200))
    def test_garbage(self, content: bytes) -> None:
        """No content makes another error."""
        self.assertRaises(ConfigError, load_key, content, "f")


class SkewTests(TestCase):
    def test_skew(self) -> None:
        """How far our clock is ahead of the peer's."""
        for date, wall, skew in (
            (b"Tue, 25 Nov 2025 14:13:20 GMT", 1_764_080_000.0, 0.0),
            (b"Tue, 25 Nov 2025 14:13:20 GMT", 1_764_083_600.0, 3600.0),
            (b"Tue, 25 Nov 2025 14:13:20 -0000", 1_764_079_000.0, -1000.0),
            (b"yesterday", 1.0, None),
            (b"\xff", 1.0, None),
            (b"", 1.0, None),
            (b"Tue, 99 Nov 2025 14:13:20 GMT", 1.0, None),
        ):
            self.assertEqual(read_skew(date, wall), skew, date)

    @readable
    @given(st.binary(max_size=40))
    def test_anything(self, date: bytes) -> None:
        """No header makes an error."""
        read_skew(date, 0.0)

    @readable
    @given(st.integers(0, 4_000_000_000), st.floats(-1e6, 1e6))
    def test_every_date(self, seconds: int, skew: float) -> None:
        """Every date that a server writes is understood."""
        date = format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
        found = read_skew(date.encode(), seconds + skew)
        assert found is not None
        self.assertAlmostEqual(found, skew, places=3)

    def test_clock_step(self) -> None:
        """Forth and back count alike."""
        for set_by in (-50.0, 0.0, 50.0):
            self.assertEqual(clock_step(START, later(10, set_by=set_by)), abs(set_by))


class MinterMachine(RuleBasedStateMachine):
    """Connections ask, Apple complains, clocks are set: the rules hold."""

    @initialize()
    def begin(self) -> None:
        self.minter = a_minter()
        self.now = START
        self.made_at: list[float] = []
        self.last = b""
        self.used: list[bytes] = []

    def note(self) -> None:
        """A token that is new was made now."""
        issued = self.minter._issued
        if issued is not None and issued.bearer != self.last:
            self.last = issued.bearer
            self.made_at.append(self.now.monotonic)

    @rule(seconds=st.sampled_from([0.5, 30.0, 600.0, 1200.0, 1800.0, 3000.0]))
    def wait(self, seconds: float) -> None:
        self.now = later(seconds, since=self.now)

    @rule(set_by=st.sampled_from([-1e6, -3600.0, -31.0, 5.0, 40.0, 1e6]))
    def set_clock(self, set_by: float) -> None:
        self.now = later(0, set_by=set_by, since=self.now)

    @rule()
    def connect(self) -> None:
        bearer = self.minter.bearer(self.now)
        self.note()
        assert bearer == self.last
        age = self.now.monotonic - self.made_at[-1]
        assert age < RENEW_SECONDS
        if age >= REST_SECONDS:
            iat = claims(bearer)["iat"]
            assert isinstance(iat, int)
            assert abs(self.now.wall - age - iat) <= 32
        self.used.append(bearer)

    @rule(data=st.data())
    def complain(self, data: st.DataObject) -> None:
        bearer = data.draw(st.sampled_from(self.used or [b"bearer none"]))
        renewed = self.minter.renew(bearer, self.now)
        self.note()
        assert renewed == (bearer != self.last)

    @invariant()
    def never_too_soon(self) -> None:
        made_at = self.made_at
        gaps = [b - a for a, b in pairwise(made_at)]
        assert all(gap >= REST_SECONDS for gap in gaps), gaps
        assert self.minter.minted == len(made_at)


class MinterMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whatever happens, no two tokens are made within twenty minutes."""
        run_state_machine_as_test(MinterMachine)
