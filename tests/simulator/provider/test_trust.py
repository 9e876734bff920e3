"""Provider tokens and certificates on one connection: who is believed, how long."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import ConfigError
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.trust import (
    Keyring,
    ProviderKey,
    Terms,
    Trust,
    read_key,
)
from tests.simulator.caller import KEY, NOW, SIGNER, a_jwt, a_key, encode
from tests.support.case import TestCase, readable


OTHER = a_key()
SAME_TEAM = ProviderKey("KEY0000002", "TEAM000001", OTHER.public_key())
OTHER_TEAM = ProviderKey("KEY0000003", "TEAM000002", OTHER.public_key())
ELSEWHERE = ProviderKey("KEY0000004", "TEAM000001", OTHER.public_key(), "production")
KEYS = (KEY, SAME_TEAM, OTHER_TEAM, ELSEWHERE)


def by(key: ProviderKey, **claims: Any) -> str:
    """A token that one of the other keys signed."""
    return a_jwt(OTHER, head={"kid": key.key_id}, iss=key.team_id, **claims)


class TrustCase(TestCase):
    def setUp(self) -> None:
        self.trust = Trust(Keyring(KEYS), None)

    def ask(self, token: str, at: float = NOW) -> str:
        return self.trust.find_fault(f"bearer {token}", at)


class TokenTests(TrustCase):
    def test_good(self) -> None:
        """A token of a known key binds its team and key."""
        self.assertEqual(self.ask(a_jwt()), "")
        self.assertEqual((self.trust.bound, self.trust.means), (KEY, "token"))
        self.assertFalse(self.trust.der)

    def test_der(self) -> None:
        """A signature as Apple's own recipe makes it is let pass, and noticed."""
        self.assertEqual(self.ask(a_jwt(der=True)), "")
        self.assertTrue(self.trust.der)

    def test_no_token(self) -> None:
        """Neither this nor that."""
        self.assertEqual(self.trust.find_fault(None, NOW), "MissingProviderToken")
        self.assertIsNone(self.trust.means)

    def test_invalid(self) -> None:
        """Whatever does not verify, or says what it must not."""
        good = a_jwt()
        head, claims, signature = good.split(".")
        for token in (
            "",
            "x",
            "é.é.é",
            head,
            f"{head}.{claims}",
            f"{head}.{claims}.",
            f"{head}.{claims}.{signature}.{signature}",
            f"{head}.{encode(b'[]').decode()}.{signature}",
            f"{claims}.{head}.{signature}",
            a_jwt(OTHER),
            a_jwt(head={"alg": "HS256"}),
            a_jwt(head={"alg": "none"}),
            a_jwt(head={"kid": "KEY0000009"}),
            a_jwt(head={"kid": None}),
            a_jwt(iss="TEAM000009"),
            a_jwt(iat=None),
            a_jwt(iat=str(NOW)),
            a_jwt(iat=True),
        ):
            self.assertEqual(self.ask(token), "InvalidProviderToken", token)
        for value in ("", good, f"basic {good}", f"bearer{good}"):
            fault = self.trust.find_fault(value, NOW)
            self.assertEqual(fault, "InvalidProviderToken", value)
        self.assertEqual(self.trust.find_fault(f"Bearer  {good}", NOW), "")

    @readable
    @given(st.integers(0, 10_000), st.integers(0, 255))
    def test_any_changed_byte(self, place: int, byte: int) -> None:
        """A token that was changed anywhere is not believed."""
        token = a_jwt()
        at = place % len(token)
        changed = token[:at] + chr(byte) + token[at + 1 :]
        good = decoded(changed) == decoded(token)
        self.assertEqual(Keyring(KEYS).read(changed) is not None, good)

    def test_age(self) -> None:
        """An hour in either direction."""
        for age, fault in (
            (3600, ""),
            (3601, "ExpiredProviderToken"),
            (-3600, ""),
            (-3601, "InvalidProviderToken"),
        ):
            self.setUp()
            self.assertEqual(self.ask(a_jwt(iat=NOW - age)), fault, age)

    def test_one_team_and_one_key(self) -> None:
        """Those of the first good token."""
        self.assertEqual(self.ask(by(OTHER_TEAM)), "")
        self.setUp()
        self.ask(a_jwt())
        self.assertEqual(self.ask(by(OTHER_TEAM)), "InvalidProviderToken")
        self.assertEqual(self.ask(by(SAME_TEAM)), "UnrelatedKeyIdInToken")
        self.assertEqual(self.ask(a_jwt()), "")

    def test_environment(self) -> None:
        """A key may belong to one."""
        self.assertEqual(self.ask(by(ELSEWHERE)), "BadEnvironmentKeyIdInToken")
        trust = Trust(Keyring(KEYS), None, Terms("production"))
        self.assertEqual(trust.find_fault(f"bearer {by(ELSEWHERE)}", NOW), "")

    def test_tokens_are_remembered(self) -> None:
        """But not for ever."""
        keyring = Keyring(KEYS)
        for number in range(1100):
            keyring.read(str(number))
        self.assertEqual(len(keyring._known), 1000)


def decoded(token: str) -> list[bytes]:
    """What the parts mean: bits that base64 does not use do not count."""
    try:
        parts = token.encode("ascii").split(b".")
        return [
            urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in parts[2:]
        ] + parts[:2]
    except ValueError:
        return [token.encode()]


class UpdateTests(TrustCase):
    def test_one_new_token_in_twenty_minutes(self) -> None:
        """The second is too many, and the connection is of no use for a while."""
        first, second, third = (a_jwt(iat=NOW + n) for n in range(3))
        self.assertEqual(self.ask(first), "")
        self.assertEqual(self.ask(second, NOW + 60), "")
        self.assertEqual(self.ask(first, NOW + 61), "")
        late = NOW + 60 + 1199
        self.assertEqual(self.ask(third, late), "TooManyProviderTokenUpdates")
        self.assertEqual(self.ask(second, late), "TooManyProviderTokenUpdates")
        self.assertEqual(self.ask(second, late + 1), "")
        self.assertEqual(self.ask(third, late + 1), "")

    def test_another_connection(self) -> None:
        """It counts for itself."""
        keyring = Keyring(KEYS)
        for number in range(4):
            trust = Trust(keyring, None)
            token = a_jwt(iat=NOW + number)
            self.assertEqual(trust.find_fault(f"bearer {token}", NOW), "")


class CertificateTests(TestCase):
    def test_authorization_is_ignored(self) -> None:
        """The certificate says all."""
        trust = Trust(Keyring(), Identity(("a.b",)))
        self.assertEqual(trust.find_fault("bearer x", NOW), "")
        self.assertEqual(trust.means, "certificate")

    def test_faults(self) -> None:
        """Not believed, or of the other environment."""
        for identity, fault in (
            (Identity(("a.b",), trusted=False), "BadCertificate"),
            (
                Identity(("a.b",), frozenset({"production"})),
                "BadCertificateEnvironment",
            ),
            (Identity(("a.b",), frozenset({"development"})), ""),
        ):
            self.assertEqual(Trust(Keyring(), identity).find_fault(None, NOW), fault)

    def test_topics(self) -> None:
        """One needs no header, several do, others are not allowed."""
        one = Trust(Keyring(), Identity(("a.b",)))
        many = Trust(Keyring(), Identity(("a.b", "a.b.voip")))
        none = Trust(Keyring(), None)
        for trust, topic, fault in (
            (one, None, ""),
            (one, "a.b", ""),
            (one, "c.d", "TopicDisallowed"),
            (many, None, "MissingTopic"),
            (many, "a.b.voip", ""),
            (none, None, "MissingTopic"),
            (none, "c.d", ""),
        ):
            self.assertEqual(trust.find_topic_fault(topic), fault)


class ReadKeyTests(TestCase):
    def read(self, pem: bytes) -> ProviderKey:
        return read_key(pem, "KEY0000001", "TEAM000001", None, "k.p8")

    def test_both_halves(self) -> None:
        """The .p8 file, or what belongs to it."""
        private = SIGNER.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        public = SIGNER.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        self.assertEqual(self.read(private), KEY)
        self.assertEqual(self.read(public), KEY)

    def test_others(self) -> None:
        """No key, a locked one, or one that cannot sign these tokens."""
        locked = SIGNER.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        keys: list[Any] = [
            ec.generate_private_key(ec.SECP384R1()),
            ed25519.Ed25519PrivateKey.generate(),
        ]
        others = [
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            for key in keys
        ]
        for pem, text in (
            (b"", "holds no key (PEM without a pass phrase)"),
            (locked, "holds no key (PEM without a pass phrase)"),
            *((pem, "is no key for ES256: that wants P-256") for pem in others),
        ):
            with self.assertRaises(ConfigError) as caught:
                self.read(pem)
            self.assertEqual(str(caught.exception), f"k.p8: error: {text}")
