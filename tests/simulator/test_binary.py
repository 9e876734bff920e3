"""The pretend gateway on pretend wires: answers, tails, faults."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect

from mcmtpush.simulator.binary import PATIENCE_SECONDS
from mcmtpush.simulator.certificates import (
    make_development_certificates,
    server_context,
)
from mcmtpush.simulator.reader import read_script
from mcmtpush.simulator.script import Action, Answer, Rule, Script
from tests.simulator.gateway import (
    BAD,
    PAYLOAD,
    REFUSE_BAD,
    TOKEN,
    GatewayCase,
    note,
    notes,
)
from tests.support.case import readable


class AnswerTests(GatewayCase):
    def test_silence_is_acceptance(self) -> None:
        """Good frames get no answer, and each its line in the journal."""
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        self.clock.advance(3600)
        self.assertEqual(wire.writes, [])
        self.assertFalse(wire.disconnecting)
        self.assertEqual(
            self.verdicts(), [(1, "accepted"), (2, "accepted"), (3, "accepted")]
        )
        self.assertEqual(len(self.written), 1)
        line = orjson.loads(self.written[0].splitlines()[0])
        self.assertEqual(
            line,
            {
                "time": 1_700_000_000.0,
                "connection": 1,
                "command": 2,
                "identifier": 1,
                "token": TOKEN.hex(),
                "payload": PAYLOAD.decode(),
                "expiry": 0,
                "priority": 10,
                "verdict": "accepted",
                "status": None,
                "reason": None,
            },
        )

    def test_error_packet_then_tail_then_close(self) -> None:
        """One write of six bytes; the tail is read for a while; then the close."""
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1) + note(2, b"") + notes(3))
        self.assertEqual(wire.writes, ["080200000002"])
        self.assertFalse(wire.disconnecting)
        protocol.dataReceived(notes(4, 5))
        self.clock.advance(0.24)
        self.assertFalse(wire.disconnecting)
        self.clock.advance(0.02)
        self.assertTrue(wire.disconnecting)
        self.assertFalse(wire.disconnected)
        self.assertEqual(wire.writes, ["080200000002"])
        self.assertEqual(
            self.verdicts(),
            [
                (1, "accepted"),
                (2, "refused"),
                (3, "discarded"),
                (4, "discarded"),
                (5, "discarded"),
            ],
        )
        self.assertEqual(self.journal.lines[1].status, 2)

    def test_closing_is_bounded(self) -> None:
        """A peer that does not close its side is cut off; no timer is left."""
        protocol, wire = self.connect()
        protocol.dataReceived(note(1, b""))
        self.clock.advance(0.25)
        self.clock.advance(PATIENCE_SECONDS - 0.01)
        self.assertFalse(wire.disconnected)
        self.clock.advance(0.02)
        self.assertTrue(wire.disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_peer_closes_first(self) -> None:
        """When the peer is gone nothing is waited for."""
        protocol, _wire = self.connect()
        protocol.dataReceived(note(1, b""))
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.factory.connected, set())

    def test_noted_before_answered(self) -> None:
        """Whoever has the answer finds the frame in the journal."""
        protocol, wire = self.connect()
        seen: list[int] = []
        wire.write = lambda _: seen.append(len(self.written))  # type: ignore[method-assign]
        protocol.dataReceived(note(1, b""))
        self.assertEqual(seen, [1])

    def test_command_0_is_closed_without_a_word(self) -> None:
        """A fault of the simple format closes at once, with nothing written."""
        protocol, wire = self.connect()
        protocol.dataReceived(bytes.fromhex("00 0002 abcd 0002") + b"{}" + notes(2))
        self.assertEqual(wire.writes, [])
        self.assertTrue(wire.disconnecting)
        self.assertEqual(self.verdicts(), [(0, "refused"), (2, "discarded")])

    def test_what_cannot_be_parsed(self) -> None:
        """An unknown command is answered with 128, and reading is over."""
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1) + b"GET / HTTP/1.0\r\n\r\n")
        protocol.dataReceived(notes(2))
        self.assertEqual(wire.writes, ["088000000000"])
        self.assertEqual(self.verdicts(), [(1, "accepted"), (0, "refused")])
        self.assertEqual(self.journal.lines[1].command, ord("G"))

    def test_connections_are_numbered(self) -> None:
        """Each connection has its own reader, verdicts and number."""
        first, first_wire = self.connect()
        second, second_wire = self.connect()
        first.dataReceived(note(1)[:20])
        second.dataReceived(note(1, b""))
        first.dataReceived(note(1)[20:])
        self.assertEqual((first_wire.writes, second_wire.writes[1:]), ([], []))
        self.assertEqual(
            [(line.connection, line.verdict) for line in self.journal.lines],
            [(2, "refused"), (1, "accepted")],
        )

    def test_disconnect(self) -> None:
        """Taking the gateway down cuts every connection off."""
        wires = [self.connect()[1] for _ in range(3)]
        self.factory.disconnect()
        self.assertEqual([wire.disconnected for wire in wires], [True] * 3)

    @readable
    @given(st.lists(st.integers(0, 900), max_size=10))
    def test_cuts_do_not_matter(self, places: list[int]) -> None:
        """However the bytes are cut, the journal and the answer are the same."""
        self.start(Script(rules=(REFUSE_BAD,)))
        data = notes(1, 2) + note(3, BAD) + notes(4, 5)
        protocol, wire = self.connect()
        start = 0
        for end in [*sorted(place % len(data) for place in places), len(data)]:
            protocol.dataReceived(data[start:end])
            start = end
        self.assertEqual(wire.writes, ["080800000003"])
        self.assertEqual(
            [verdict[0] for _, verdict in self.verdicts()], ["a", "a", "r", "d", "d"]
        )

    @readable
    @given(st.lists(st.binary(max_size=80), max_size=5))
    def test_garbage_never_raises(self, pieces: list[bytes]) -> None:
        """Any bytes are answered at most once, and nothing breaks."""
        self.start()
        protocol, wire = self.connect()
        for piece in pieces:
            protocol.dataReceived(piece)
        self.clock.pump([1.0, 10.0])
        self.assertIn(len(wire.writes), (0, 1))


class FaultTests(GatewayCase):
    def test_delayed_error(self) -> None:
        """Until the late packet goes out, frames are read and discarded."""
        script = read_script(
            b'{"rules": [{"do": "refuse", "status": 1, "identifier": 2, "delay": 3}]}'
        )
        self.start(script)
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        self.clock.advance(2.9)
        protocol.dataReceived(notes(4))
        self.assertEqual(wire.writes, [])
        self.clock.advance(0.2)
        self.assertEqual(wire.writes, ["080100000002"])
        protocol.dataReceived(notes(5))
        self.clock.advance(1)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(
            [verdict for _, verdict in self.verdicts()],
            ["accepted", "refused", "discarded", "discarded", "discarded"],
        )

    def test_answer_some_frames_late(self) -> None:
        """The packet can wait for a number of frames, in one piece or several."""
        answer = Answer(delay_seconds=5.0, behind=3)
        self.start(
            Script(rules=(Rule(action=Action.SHUTDOWN, after=2, answer=answer),))
        )
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3, 4))
        self.assertEqual(wire.writes, [])
        protocol.dataReceived(notes(5))
        self.assertEqual(wire.writes, ["080a00000002"])
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3, 4, 5, 6))
        self.assertEqual(wire.writes, ["080a00000002"])

    def test_frames_that_never_come(self) -> None:
        """Waiting for frames ends with the delay."""
        answer = Answer(delay_seconds=5.0, behind=3)
        rule = Rule(action=Action.REFUSE, status=1, every=1, answer=answer)
        self.start(Script(rules=(rule,)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2))
        self.clock.advance(4.9)
        self.assertEqual(wire.writes, [])
        self.clock.advance(0.2)
        self.assertEqual(wire.writes, ["080100000001"])

    def test_packet_in_pieces(self) -> None:
        """The packet can come in several writes, some time apart."""
        answer = Answer(pieces=(1, 2, 3), gap_seconds=0.5)
        rule = Rule(action=Action.REFUSE, status=8, every=1, answer=answer)
        self.start(Script(rules=(rule,)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(9))
        self.assertEqual(wire.writes, ["08"])
        self.clock.advance(0.5)
        self.assertEqual(wire.writes, ["08", "0800"])
        self.clock.advance(0.5)
        self.assertEqual(wire.writes, ["08", "0800", "000009"])
        self.clock.advance(0.25)
        self.assertTrue(wire.disconnecting)

    def test_packet_cut_off(self) -> None:
        """What the pieces leave over of the packet is never sent."""
        rule = Rule(action=Action.REFUSE, status=8, every=1, answer=Answer(pieces=(3,)))
        self.start(Script(rules=(rule,)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(9))
        self.clock.advance(0.25)
        self.assertEqual((wire.writes, wire.disconnecting), (["080800"], True))

    def test_packet_then_reset(self) -> None:
        """A refusal can end in a reset, after the packet had time to go out."""
        rule = Rule(action=Action.REFUSE, status=8, every=1, answer=Answer(reset=True))
        self.start(Script(rules=(rule,)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(9))
        self.assertEqual((wire.writes, wire.disconnected), (["080800000009"], False))
        self.clock.advance(0.25)
        self.assertTrue(wire.disconnected)

    def test_close_without_a_word(self) -> None:
        """After two frames: a close, nothing written, the rest discarded."""
        self.start(Script(rules=(Rule(action=Action.CLOSE, after=2),)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        self.assertEqual((wire.writes, wire.disconnecting), ([], True))
        self.assertFalse(wire.disconnected)
        self.assertEqual(
            self.verdicts(), [(1, "accepted"), (2, "accepted"), (3, "discarded")]
        )

    def test_reset(self) -> None:
        """A reset is immediate."""
        self.start(Script(rules=(Rule(action=Action.RESET, every=2),)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        self.assertEqual((wire.writes, wire.disconnected), ([], True))
        self.assertEqual(
            self.verdicts(), [(1, "accepted"), (2, "discarded"), (3, "discarded")]
        )

    def test_wrong_environment(self) -> None:
        """A rule after 0 frames ends the connection before any was read."""
        rule = Rule(action=Action.CLOSE, after=0, connections=frozenset({1}))
        self.start(Script(rules=(rule,)))
        self.assertTrue(self.connect()[1].disconnecting)
        self.assertFalse(self.connect()[1].disconnecting)

    def test_stall(self) -> None:
        """Reading stops behind a frame; what was read already waits as well."""
        rule = Rule(action=Action.STALL, after=2, seconds=30.0)
        self.start(Script(rules=(rule,)))
        protocol, wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        protocol.dataReceived(note(4) + note(5, b"") + note(6))
        self.assertEqual(wire.producerState, "paused")
        self.assertEqual(self.verdicts(), [(1, "accepted"), (2, "accepted")])
        self.clock.advance(30)
        self.assertEqual(wire.producerState, "producing")
        self.assertEqual(
            [verdict for _, verdict in self.verdicts()],
            ["accepted"] * 4 + ["refused", "discarded"],
        )
        self.assertEqual(wire.writes, ["080200000005"])

    def test_stalled_to_the_end(self) -> None:
        """Frames that were held when the connection ended were discarded."""
        self.start(Script(rules=(Rule(action=Action.STALL, after=1),)))
        protocol, _wire = self.connect()
        protocol.dataReceived(notes(1, 2, 3))
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(
            self.verdicts(), [(1, "accepted"), (2, "discarded"), (3, "discarded")]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_same_seed_same_journal(self) -> None:
        """The same script and the same bytes give the same journal, to the byte."""
        text = (
            b'{"seed": 11, "rules": [{"do": "refuse", "status": 8, "chance": 0.2},'
            b'{"do": "shutdown", "after": 6}]}'
        )
        journals = []
        for _ in range(2):
            self.start(read_script(text))
            for _ in range(10):
                self.connect()[0].dataReceived(notes(*range(1, 12)))
            journals.append(b"".join(self.written))
        self.assertEqual(journals[0], journals[1])
        for word in (b"accepted", b"refused", b"discarded"):
            self.assertIn(word, journals[0])


class ForeignClientTests(GatewayCase):
    """Clients that know nothing of this program: bytes as they wrote them."""

    def test_simple_format(self) -> None:
        """A client of 2009 writes command 0 and hears nothing."""
        protocol, wire = self.connect()
        message = b"\0\0\x20" + TOKEN + b"\0\x16" + PAYLOAD
        for at in range(0, len(message * 3), 7):
            protocol.dataReceived((message * 3)[at : at + 7])
        self.assertEqual(wire.writes, [])
        self.assertEqual(
            [(line.command, line.token, line.verdict) for line in self.journal.lines],
            [(0, TOKEN.hex(), "accepted")] * 3,
        )

    def test_enhanced_format(self) -> None:
        """A client of 2010 gets its identifier back for a payload of 257 bytes."""
        protocol, wire = self.connect()
        long = b'{"a":"' + b"x" * 249 + b'"}'
        head = b"\x01\xde\xad\xbe\xef\x65\x53\xf1\x00\0\x20" + TOKEN
        protocol.dataReceived(head + b"\x01\0" + long[:-3] + b'"}')
        protocol.dataReceived(head + b"\x01\x01" + long)
        self.assertEqual(wire.writes, ["0807deadbeef"])

    def test_sparse_frames(self) -> None:
        """A client of 2014 leaves out what has its default, in its own order."""
        protocol, _wire = self.connect()
        items = b"\x02\0\x16" + PAYLOAD + b"\x03\0\x04\0\0\0\x05\x01\0\x20" + TOKEN
        protocol.dataReceived(b"\x02\0\0\0" + bytes([len(items)]) + items)
        (line,) = self.journal.lines
        self.assertEqual(
            (line.identifier, line.expiry, line.priority, line.verdict),
            (5, None, 10, "accepted"),
        )

    def test_blind_client_that_never_reads(self) -> None:
        """A client that only writes is discarded until it is cut off."""
        protocol, wire = self.connect()
        protocol.dataReceived(note(1, b"short"))
        for identifier in range(2, 30):
            protocol.dataReceived(note(identifier))
            self.clock.advance(0.2)
        self.assertTrue(wire.disconnected)
        self.assertEqual(wire.writes, ["080500000001"])
        self.assertEqual(len(self.journal.lines), 29)

    def test_known_bad_frame_settles_a_connection(self) -> None:
        """A client that flushes with an empty frame learns that all was taken."""
        protocol, wire = self.connect()
        poison = bytes.fromhex(
            "02 00000018 03 0004 00000008 01 0000 02 0000 04 0004 00000000 05 0001 0a"
        )
        protocol.dataReceived(notes(*range(1, 8)) + poison)
        self.assertEqual(wire.writes, ["080200000008"])
        self.assertEqual(
            self.verdicts(), [(i, "accepted") for i in range(1, 8)] + [(8, "refused")]
        )


class Client(Protocol):
    """Remembers what it read."""

    received = b""
    lost = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class TlsTests(GatewayCase):
    def handshake(self) -> tuple[Client, IOPump]:
        """A client with TLS all around, after the handshake."""
        folder = self.mktemp()
        paths = make_development_certificates(folder, lambda: 1_700_000_000)
        context = server_context(paths.server, paths.server_key)
        server_side = TLSMemoryBIOFactory(context, False, self.factory, self.clock)
        client_side = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Client), self.clock
        )
        server = server_side.buildProtocol(None)
        client = client_side.buildProtocol(None)
        inner = client.wrappedProtocol
        pump = connect(
            server,
            FakeTransport(server, True),
            client,
            FakeTransport(client, False),
            clock=self.clock,
        )
        pump.flush()
        return inner, pump

    def test_refusal_over_tls(self) -> None:
        """The packet arrives, then the end; the tail is in the journal."""
        client, pump = self.handshake()
        client.transport.write(notes(1) + note(2, b"") + notes(3))
        pump.flush()
        self.clock.advance(0)
        pump.flush()
        self.assertEqual(client.received.hex(), "080200000002")
        self.assertFalse(client.lost)
        self.clock.advance(0.25)
        pump.flush()
        self.assertTrue(client.lost)
        self.assertEqual(
            self.verdicts(), [(1, "accepted"), (2, "refused"), (3, "discarded")]
        )

    def test_close_straight_after_the_handshake(self) -> None:
        """The wrong environment: the handshake succeeds, then all is over."""
        self.start(Script(rules=(Rule(action=Action.CLOSE, after=0),)))
        client, pump = self.handshake()
        self.clock.advance(0)
        pump.flush()
        self.assertEqual((client.received, client.lost), (b"", True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_may_wait_for_the_handshake(self) -> None:
        """A client that never begins its handshake is cut off."""
        folder = self.mktemp()
        paths = make_development_certificates(folder, lambda: 1_700_000_000)
        context = server_context(paths.server, paths.server_key)
        side = TLSMemoryBIOFactory(context, False, self.factory, self.clock)
        protocol = side.buildProtocol(None)
        wire = StringTransport()
        protocol.makeConnection(wire)
        self.clock.advance(PATIENCE_SECONDS)
        self.assertTrue(wire.disconnected)
