"""What becomes of single messages over HTTP/2, and what is not even sent."""

from __future__ import annotations

from typing import Any, Final

from mcmtpush.config.views import GuardSettings
from mcmtpush.simulator.script import Action, Http2, Script
from tests.flow.story import Http2Case, on
from tests.support.apple import TOPIC
from tests.support.pipe import TOKEN


OTHER: Final = "cd" * 32


class JudgementTests(Http2Case):
    """The guard, devices, registrations, and what is not even sent."""

    def test_wrong_environment(self) -> None:
        """Only "bad token" from the start: suspended, nothing failed, none dropped."""
        guard = GuardSettings(first=5, window=0, share=0.0)
        pipe = self.http2(
            on(Action.REFUSE, reason="BadDeviceToken", every=1),
            delivering={"guard": guard},
        )
        injections = [pipe.inject() for _ in range(8)]
        pipe.run(100)
        self.assertEqual(pipe.records("DTP"), [])
        self.assertEqual(len(pipe.spooled()), 8)
        self.assertEqual(self.counted(pipe, "delivery.guard_trips"), 1)
        pipe.follow(Script())
        pipe.program.parts.lanes._pools.update(
            {o.key: o.lane for o in pipe.program.parts.scheduler._outlets.values()}
        )
        pipe.program.parts.lanes.resume()
        pipe.run(5)
        for injection in injections:
            self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_gone_is_no_wrong_environment(self) -> None:
        """Any number of 410 is believed."""
        guard = GuardSettings(first=5, window=10, share=0.5)
        pipe = self.http2(
            on(Action.REFUSE, reason="Unregistered", every=1),
            delivering={"guard": guard},
        )
        injections = [pipe.inject() for _ in range(30)]
        pipe.run(10)
        for injection in injections:
            self.assert_records(pipe, injection, "P")
        self.assertEqual(len(self.events(pipe)), 30)

    def test_registered_again(self) -> None:
        """A token that came back to life after Apple's timestamp is kept."""
        gone_at = 1_600_000_000
        pipe = self.http2(
            on(Action.REFUSE, reason="Unregistered", every=1, timestamp=gone_at * 1000)
        )
        for registered_at, events in ((gone_at + 1, 0), (gone_at - 1, 1)):
            headers = {"X-Token-Registered-At": str(registered_at)}
            injection = pipe.inject(headers=headers)
            pipe.run(5)
            self.assert_records(pipe, injection, "P")
            self.assertEqual(len(self.events(pipe)), events)

    def test_busy_device(self) -> None:
        """One device waits, with all its messages, and nobody else does."""
        busy = bytes.fromhex(TOKEN)
        pipe = self.http2(
            on(Action.REFUSE, reason="TooManyRequests", token=busy, times=1)
        )
        first = pipe.inject()
        pipe.run(1)
        behind = [pipe.inject() for _ in range(3)]
        other = pipe.inject(token=OTHER)
        pipe.run(50)
        self.assert_records(pipe, other, "D")
        self.assertEqual(len(pipe.frames), 2)
        pipe.run(30)
        self.assert_records(pipe, first, "TD")
        for injection in behind:
            self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_busy_device_and_a_jump(self) -> None:
        """A device rests in true seconds, whatever the wall clock is set to."""
        for jump in (-3600.0, 3600.0):
            busy = bytes.fromhex(TOKEN)
            pipe = self.http2(
                on(Action.REFUSE, reason="TooManyRequests", token=busy, times=1)
            )
            pipe.inject()
            pipe.run(1)
            behind = pipe.inject()
            pipe.run(1)
            pipe.jump += jump
            pipe.run(50)
            self.assert_records(pipe, behind, "")
            pipe.run(30)
            self.assert_records(pipe, behind, "D")
            self.assert_at_rest(pipe)

    def test_too_old_for_a_busy_device(self) -> None:
        """A message that would wait beyond its time ends, and is not forgotten."""
        busy = bytes.fromhex(TOKEN)
        pipe = self.http2(
            on(Action.REFUSE, reason="TooManyRequests", token=busy, every=1),
            message_expiration_seconds=100,
        )
        injections = [pipe.inject() for _ in range(3)]
        pipe.run(300)
        for injection in injections:
            self.assertEqual(pipe.records("DTP", injection)[-1].kind, "P")
        self.assert_at_rest(pipe)

    def test_turned_away_for_ever(self) -> None:
        """What is free is not endless: it ends when the message is too old."""
        pipe = self.http2(
            on(Action.REFUSE, reason="BadCertificate", every=1),
            message_expiration_seconds=600,
        )
        injection = pipe.inject()
        pipe.run(590)
        self.assert_records(pipe, injection, "")
        self.assertLess(len(pipe.asked), 25)
        pipe.run(100)
        self.assert_records(pipe, injection, "P")
        self.assertIn("exceeded max time", self.record(pipe, injection).detail)
        self.assert_at_rest(pipe)

    def test_not_even_sent(self) -> None:
        """What Apple would refuse fails at once, with Apple's word, and no stream."""
        ill: tuple[tuple[dict[str, Any], int, str], ...] = (
            ({"token": ""}, 2, "MissingDeviceToken"),
            ({"token": "0f0"}, 5, "BadDeviceToken"),
            ({"token": "no token"}, 5, "BadDeviceToken"),
            ({"filling": 4096}, 7, "PayloadTooLarge"),
            ({"headers": {"X-APNs-Priority": "7"}}, 7, "BadPriority"),
            ({"headers": {"X-APNs-Push-Type": "magic"}}, 7, "InvalidPushType"),
            ({"headers": {"X-APNs-Collapse-ID": "c" * 65}}, 7, "BadCollapseId"),
            ({"headers": {"X-APNs-Expiration": "soon"}}, 7, "BadExpirationDate"),
        )
        pipe = self.http2()
        for content, code, reason in ill:
            injection = pipe.inject(**content)
            pipe.run(2)
            self.assert_records(pipe, injection, "P")
            record = self.record(pipe, injection)
            self.assertEqual((record.status, record.detail), (code, reason))
        self.assertEqual(pipe.frames, [])
        self.assert_at_rest(pipe)

    def test_headers_arrive(self) -> None:
        """What the injector says of a push is what Apple hears."""
        name = "0F0F0F0F-1111-2222-3333-444444444444"
        pipe = self.http2()
        pipe.inject(
            headers={
                "X-APNs-ID": name,
                "X-APNs-Push-Type": "voip",
                "X-APNs-Priority": "5",
                "X-APNs-Collapse-ID": "score",
                "X-APNs-Expiration": "0",
            }
        )
        pipe.run(2)
        (line,) = pipe.frames
        found = (line.push_type, line.priority, line.collapse_id, line.expiry)
        self.assertEqual(found, ("voip", 5, "score", 0))
        self.assertEqual(line.apns_id, name.lower())
        self.assertEqual(line.topic, f"{TOPIC}.voip")

    def test_broadcast(self) -> None:
        """A channel instead of a token; one that is gone fails, and is told."""
        channels = {TOPIC: {"dHN0": 1}}
        pipe = self.http2(http2=Http2(channels=channels))
        for channel, kinds in (("dHN0", "D"), ("Z29uZQ==", "P")):
            headers = {
                "X-APNs-Channel-ID": channel,
                "X-APNs-Push-Type": "liveactivity",
            }
            injection = pipe.inject(token="", headers=headers)
            pipe.run(2)
            self.assert_records(pipe, injection, kinds)
        self.assertEqual(self.record(pipe, injection).detail, "ChannelNotRegistered")
        self.assertEqual([line.command for line in pipe.journal.lines], [4, 4])
        self.assert_at_rest(pipe)
