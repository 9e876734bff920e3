"""Answers: headers, dates, and bodies in pieces."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.answer import (
    Dates,
    Names,
    answer_body,
    answer_headers,
    cut_body,
)
from mcmtpush.simulator.provider.channel import Told
from mcmtpush.simulator.provider.request import read_request
from mcmtpush.simulator.provider.verdict import ACCEPTED, Judgement
from mcmtpush.simulator.script import Answer
from mcmtpush.simulator.verdict import Verdict
from tests.support.case import TestCase, readable


DEVICE = read_request(1, [(b":path", b"/3/device/0f")], b"", 0)
APP = [(b":path", b"/1/apps/a.b/channels"), (b"apns-request-id", b"r")]
CHANNEL = read_request(1, APP, b"", 0)


class HeaderTests(TestCase):
    def test_a_push(self) -> None:
        """Its id, in development the one of the delivery log, and the date."""
        for unique, more in (("u", [(b"apns-unique-id", b"u")]), (None, [])):
            self.assertEqual(
                answer_headers(DEVICE, ACCEPTED, "i", unique, b"d"),
                [(b":status", b"200"), (b"apns-id", b"i"), *more, (b"date", b"d")],
            )

    def test_a_channel(self) -> None:
        """The id of the request, and that of the channel."""
        told = Judgement(Verdict.ACCEPTED, 201, told=Told(201, channel="c"))
        headers = dict(answer_headers(CHANNEL, told, "i", None, b"d"))
        self.assertEqual(headers[b"apns-request-id"], b"r")
        self.assertEqual(headers[b"apns-channel-id"], b"c")
        self.assertNotIn(b"apns-id", headers)

    def test_dates(self) -> None:
        """As HTTP writes them, with the clock as wrong as it is said to be."""
        dates = Dates(60)
        self.assertEqual(dates.at(0), b"Thu, 01 Jan 1970 00:01:00 GMT")
        self.assertEqual(dates.at(0.9), b"Thu, 01 Jan 1970 00:01:00 GMT")
        self.assertEqual(dates.at(1), b"Thu, 01 Jan 1970 00:01:01 GMT")


class NameTests(TestCase):
    def test_made_up(self) -> None:
        """A UUID of version 4, the same for the same stream of a connection."""
        found = [Names(salt).name_of(DEVICE) for salt in (1, 1, 2)]
        self.assertEqual(found[0], found[1])
        self.assertNotEqual(found[0], found[2])
        self.assertNotEqual(found[0], Names(1).unique_name(DEVICE))
        for name in found:
            self.assertEqual((str(UUID(name)), UUID(name).version), (name, 4))

    def test_given(self) -> None:
        """That of the request, if it has one."""
        headers = [(b":path", b"/3/device/0f"), (b"apns-id", b"i")]
        self.assertEqual(Names(1).name_of(read_request(1, headers, b"", 0)), "i")


class BodyTests(TestCase):
    def test_bodies(self) -> None:
        """A refusal says why; the rest says what there is to say."""
        refused = Judgement(Verdict.REFUSED, 400, "BadTopic")
        gone = Judgement(Verdict.REFUSED, 410, "Unregistered")
        for judgement, body in (
            (ACCEPTED, b""),
            (refused, b'{"reason":"BadTopic"}'),
            (gone, b'{"reason":"Unregistered","timestamp":1500}'),
            (refused._replace(answer=Answer(body="")), b""),
            (ACCEPTED._replace(answer=Answer(body="x")), b"x"),
            (ACCEPTED._replace(told=Told(200, body=b"{}")), b"{}"),
        ):
            self.assertEqual(answer_body(judgement, 1.5), body)

    @readable
    @given(st.binary(max_size=20), st.lists(st.integers(0, 9), max_size=5))
    def test_pieces(self, body: bytes, sizes: list[int]) -> None:
        """They make the body; there is at least one, and each has its size."""
        pieces = cut_body(body, tuple(sizes))
        self.assertEqual(b"".join(pieces), body)
        self.assertTrue(pieces)
        whole = [len(piece) for piece in pieces[: len(sizes)]]
        self.assertTrue(all(a <= b for a, b in zip(whole, sizes, strict=False)))
