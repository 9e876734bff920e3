"""Limits and windows: a connection beside a naive twin of its server."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.apns.http2frame import ENHANCE_YOUR_CALM, Violation
from mcmtpush.apns.http2settings import PeerSettings
from mcmtpush.apns.outbox import MAX_HELD_ACKS, Outbox
from mcmtpush.apns.streams import (
    Answered,
    Event,
    LimitChanged,
    Streams,
    WasReset,
    WentAway,
)
from mcmtpush.errors import LocalProtocolError
from tests.apns.peer import (
    a_request,
    answer_frame,
    frame,
    goaway_frame,
    settings_frame,
)
from tests.support.case import TestCase, readable


def cut(data: bytes) -> list[tuple[int, int, int, bytes]]:
    frames = []
    while data:
        size = int.from_bytes(data[:3])
        frames.append((data[3], data[4], int.from_bytes(data[5:9]), data[9 : 9 + size]))
        data = data[9 + size :]
    return frames


class OutboxTests(TestCase):
    def test_empty_body(self) -> None:
        """Without a body HEADERS end the stream."""
        outbox = Outbox(PeerSettings())
        outbox.open(1, b"\x88", b"")
        self.assertEqual(outbox.take(), frame(1, 5, 1, b"\x88"))

    def test_held_acknowledgements(self) -> None:
        """Only those count that wait, and they are forgotten when they left."""
        outbox = Outbox(PeerSettings())
        for held in (False, True, True):
            outbox.hold(held)
            for _ in range(MAX_HELD_ACKS):
                outbox.acknowledge(b"ack")
        self.assertEqual(outbox.take(), b"ack" * 3 * MAX_HELD_ACKS)
        with self.assertRaises(Violation) as caught:
            outbox.acknowledge(b"ack")
        self.assertEqual(caught.exception.code, ENHANCE_YOUR_CALM)
        self.assertEqual(outbox.take(), b"")

    def test_long_block(self) -> None:
        """A field block beyond the frame size is continued."""
        outbox = Outbox(PeerSettings())
        outbox.open(1, b"a" * 40_000, b"")
        self.assertEqual(
            [(kind, flags, len(data)) for kind, flags, _, data in cut(outbox.take())],
            [(1, 1, 16384), (9, 0, 16384), (9, 4, 40_000 - 2 * 16384)],
        )

    def test_overflow(self) -> None:
        """Windows beyond 31 bits are the peer's fault."""
        outbox = Outbox(PeerSettings())
        sending = outbox.open(1, b"", b"")
        outbox.widen(2**31 - 1 - 65535)
        self.assertRaises(Violation, outbox.widen, 1)
        outbox.widen_stream(sending, 2**31 - 1 - 65535)
        self.assertRaises(Violation, outbox.widen_stream, sending, 1)


class NaiveServer:
    """Counts everything the slow way, from what the client writes."""

    def __init__(self) -> None:
        self.limit = 2**31
        self.window = 65535
        self.initial = 65535
        self.last = -1
        self.windows: dict[int, int] = {}
        self.owed: dict[int, int] = {}
        self.open: dict[int, object] = {}
        self.over = False

    def opened(self, stream_id: int, tag: object, size: int) -> None:
        assert not self.over
        assert len(self.open) < self.limit
        assert stream_id == self.last + 2
        self.last = stream_id
        self.open[stream_id] = tag
        self.windows[stream_id] = self.initial
        self.owed[stream_id] = size

    def closed(self, stream_id: int) -> object:
        return self.open.pop(stream_id)

    def expect(self) -> dict[int, int]:
        """How much of each body is due now, the oldest stream first."""
        due = {}
        for stream_id in self.open:
            size = min(self.owed[stream_id], self.windows[stream_id], self.window)
            if size > 0:
                due[stream_id] = size
                self.owed[stream_id] -= size
                self.windows[stream_id] -= size
                self.window -= size
        return due


class ConnectionMachine(RuleBasedStateMachine):
    """Streams and a server that does what it likes within the rules."""

    @initialize(
        streams=st.sampled_from([None, 0, 1, 2, 5]),
        window=st.sampled_from([0, 10, 300, 65535]),
        own=st.sampled_from([1, 3, 1000]),
        careful=st.booleans(),
    )
    def begin(self, streams: int | None, window: int, own: int, careful: bool) -> None:
        self.own, self.careful = own, careful
        self.client = Streams(b"a", stream_limit=own, careful=careful)
        self.client.begin()
        self.client.output()
        self.server = NaiveServer()
        self.tags = 0
        self.settled: list[object] = []
        self.known_limit = 0
        values = {"window": window}
        if streams is not None:
            values["streams"] = streams
            self.server.limit = streams
        self.server.initial = window
        self.say(settings_frame(**values))

    def allowed(self) -> int:
        return min(self.server.limit, self.own, 1 if self.careful else self.own)

    def say(self, data: bytes) -> list[Event]:
        events = self.client.feed(data)
        for event in events:
            if isinstance(event, LimitChanged):
                assert event.limit != self.known_limit
                self.known_limit = event.limit
            elif isinstance(event, Answered | WasReset):
                self.settled.append(event.tag)
            elif isinstance(event, WentAway):
                self.settled += event.unprocessed
        self.check_written()
        return events

    def check_written(self) -> None:
        """What the client wrote is exactly what was due."""
        sizes: dict[int, int] = {}
        ended = set()
        for kind, flags, stream_id, payload in cut(self.client.output()):
            assert len(payload) <= 16384
            if kind == 0:
                sizes[stream_id] = sizes.get(stream_id, 0) + len(payload)
                if flags & 1:
                    ended.add(stream_id)
        due = self.server.expect()
        assert sizes == due, (sizes, due)
        assert ended == {each for each in due if not self.server.owed[each]}

    @rule(size=st.sampled_from([1, 9, 300, 5000, 20_000, 70_000]))
    def open(self, size: int) -> None:
        if not self.client.room:
            self.refuse()
            return
        takes = self.client.takes(size)
        small = size <= self.server.initial
        backlog = sum(self.server.owed[each] for each in self.server.open)
        assert takes == (
            size + backlog <= self.server.window and (small or not backlog)
        )
        self.tags += 1
        stream_id = self.client.open(a_request(b"x" * size), self.tags)
        self.server.opened(stream_id, self.tags, size)
        self.check_written()

    def refuse(self) -> None:
        assert not self.client.takes(0)
        try:
            self.client.open(a_request(), None)
        except LocalProtocolError:
            return
        raise AssertionError("opened without room")

    @rule(streams=st.sampled_from([0, 1, 2, 4, 100]))
    def set_streams(self, streams: int) -> None:
        self.server.limit = streams
        self.say(settings_frame(streams=streams))

    @rule(window=st.sampled_from([0, 5, 100, 5000, 65535]))
    def set_window(self, window: int) -> None:
        for stream_id in self.server.windows:
            self.server.windows[stream_id] += window - self.server.initial
        self.server.initial = window
        self.say(settings_frame(window=window))

    @rule(size=st.sampled_from([1, 100, 5000, 65535]))
    def widen(self, size: int) -> None:
        self.server.window += size
        self.say(frame(8, 0, 0, size.to_bytes(4)))

    @precondition(lambda self: self.server.open)
    @rule(size=st.sampled_from([1, 100, 5000]), data=st.data())
    def widen_stream(self, size: int, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.server.windows)))
        self.server.windows[stream_id] += size
        self.say(frame(8, 0, stream_id, size.to_bytes(4)))

    @precondition(lambda self: self.server.open)
    @rule(ok=st.booleans(), data=st.data())
    def answer(self, ok: bool, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.server.open)))
        tag = self.server.closed(stream_id)
        self.careful = self.careful and not ok
        self.say(answer_frame(stream_id, b"\x88" if ok else b"\x8c"))
        assert self.settled[-1] == tag

    @precondition(lambda self: self.server.open)
    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.server.open)))
        tag = self.server.closed(stream_id)
        events = self.say(frame(3, 0, stream_id, (7).to_bytes(4)))
        assert events == [WasReset(stream_id, tag, 7)]

    @precondition(lambda self: self.server.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        stream_id = data.draw(st.sampled_from(sorted(self.server.open)))
        self.settled.append(self.server.closed(stream_id))
        self.client.cancel(stream_id)
        self.check_written()
        assert self.say(answer_frame(stream_id)) == []

    @rule(last=st.integers(0, 30))
    def go_away(self, last: int) -> None:
        self.server.over = True
        beyond = [each for each in self.server.open if each > last]
        tags = [self.server.closed(each) for each in beyond]
        [event] = self.say(goaway_frame(last))
        assert isinstance(event, WentAway)
        assert event.unprocessed == tags

    @invariant()
    def agrees(self) -> None:
        client, server = self.client, self.server
        assert client.open_count == len(server.open)
        assert client.over == server.over
        room = 0 if server.over else max(0, self.allowed() - len(server.open))
        assert client.room == room
        assert self.known_limit == self.allowed()
        assert client._outbox.window == server.window
        assert client._outbox.owed == sum(server.owed[each] for each in server.open)
        assert len(self.settled) == len(set(self.settled))
        assert len(self.settled) + len(server.open) == self.tags


class ConnectionMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Limits and windows hold, all that is due is sent, each settles once."""
        run_state_machine_as_test(ConnectionMachine)
