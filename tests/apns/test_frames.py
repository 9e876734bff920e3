"""The binary interface, against bytes written by hand from Apple's tables."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.frames import (
    MAX_FRAME_BYTES,
    ErrorPacket,
    ErrorReader,
    Frame,
    FrameReader,
    Malformed,
    encode_error,
    encode_known_bad,
    encode_notification,
)
from mcmtpush.errors import LocalProtocolError, RemoteProtocolError
from tests.support.case import TestCase, readable


TOKEN = bytes(range(32))
TOKEN_HEX = (
    "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
    "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f"
)
PAYLOAD = b'{"aps":{"alert":"hi"}}'
PAYLOAD_HEX = "7b 22 61 70 73 22 3a 7b 22 61 6c 65 72 74 22 3a 22 68 69 22 7d 7d"
EXPIRY = 1_700_000_000

ITEM_TOKEN = bytes.fromhex("01 00 20" + TOKEN_HEX)
ITEM_PAYLOAD = bytes.fromhex("02 00 16" + PAYLOAD_HEX)
ITEM_IDENTIFIER = bytes.fromhex("03 00 04 00 00 00 07")
ITEM_EXPIRY = bytes.fromhex("04 00 04 65 53 f1 00")
ITEM_PRIORITY = bytes.fromhex("05 00 01 0a")
ITEMS = [ITEM_TOKEN, ITEM_PAYLOAD, ITEM_IDENTIFIER, ITEM_EXPIRY, ITEM_PRIORITY]

COMMAND_2 = bytes.fromhex("02 00 00 00 4e") + b"".join(ITEMS)
COMMAND_1 = bytes.fromhex(
    "01 00 00 00 07 65 53 f1 00 00 20" + TOKEN_HEX + "00 16" + PAYLOAD_HEX
)
COMMAND_0 = bytes.fromhex("00 00 20" + TOKEN_HEX + "00 16" + PAYLOAD_HEX)
POISON = bytes.fromhex(
    "02 00 00 00 18  03 00 04 00 00 00 08  01 00 00  02 00 00"
    "04 00 04 00 00 00 00  05 00 01 0a"
)

FRAME_2 = Frame(2, 7, TOKEN, PAYLOAD, EXPIRY, 10)
FRAME_1 = Frame(1, 7, TOKEN, PAYLOAD, EXPIRY, 10)
FRAME_0 = Frame(0, 0, TOKEN, PAYLOAD, None, 10)
FRAME_POISON = Frame(2, 8, b"", b"", 0, 10)
ALL = COMMAND_2 + COMMAND_1 + COMMAND_0 + POISON
ALL_FRAMES = [FRAME_2, FRAME_1, FRAME_0, FRAME_POISON]


def frame_of(*items: bytes) -> bytes:
    """A command 2 frame of these items."""
    body = b"".join(items)
    return b"\x02" + len(body).to_bytes(4, "big") + body


def read(*pieces: bytes) -> list[Frame | Malformed]:
    """What a new reader makes of these pieces."""
    reader = FrameReader()
    return [found for piece in pieces for found in reader.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces, some of them empty."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


tokens = st.binary(min_size=0, max_size=100)
payloads = st.binary(max_size=300)
identifiers = st.integers(0, 0xFFFFFFFF)
frames_2 = st.builds(
    Frame,
    st.just(2),
    identifiers,
    tokens,
    payloads,
    identifiers,
    st.integers(0, 255),
)
places = st.lists(st.integers(0, 10_000), max_size=12)


class EncodeTests(TestCase):
    def test_puts_identifier_first(self) -> None:
        """A notification is one command 2 frame that begins with its identifier."""
        expected = frame_of(
            ITEM_IDENTIFIER, ITEM_TOKEN, ITEM_PAYLOAD, ITEM_EXPIRY, ITEM_PRIORITY
        )
        self.assertEqual(
            encode_notification(7, TOKEN, PAYLOAD, EXPIRY, 10).hex(), expected.hex()
        )

    def test_writes_the_known_bad_frame(self) -> None:
        """Empty token and payload give the 29 bytes that must draw status 2."""
        self.assertEqual(encode_known_bad(8), POISON)
        self.assertEqual(read(encode_known_bad(8)), [FRAME_POISON])

    def test_sizes_at_the_limits(self) -> None:
        """A full payload makes 2109 bytes with a usual token, 2177 with the longest."""
        payload = bytes(2048)
        self.assertEqual(len(encode_notification(1, bytes(32), payload, 0, 10)), 2109)
        self.assertEqual(len(encode_notification(1, bytes(100), payload, 0, 10)), 2177)

    def test_refuses_values_that_do_not_fit(self) -> None:
        """A value too large for its field is our own mistake, and loud."""
        for arguments in (
            (1 << 32, TOKEN, PAYLOAD, 0, 10),
            (-1, TOKEN, PAYLOAD, 0, 10),
            (1, bytes(65536), PAYLOAD, 0, 10),
            (1, TOKEN, bytes(65536), 0, 10),
            (1, TOKEN, PAYLOAD, 1 << 32, 10),
            (1, TOKEN, PAYLOAD, 0, 256),
        ):
            with self.assertRaises(LocalProtocolError):
                encode_notification(*arguments)

    @readable
    @given(frames_2)
    def test_reads_back_what_it_wrote(self, frame: Frame) -> None:
        """The server's reader finds exactly the values that were encoded."""
        data = encode_notification(
            frame.identifier,
            frame.token,
            frame.payload,
            frame.expiry or 0,
            frame.priority,
        )
        self.assertEqual(read(data), [frame])


class ErrorPacketTests(TestCase):
    def test_golden_packets(self) -> None:
        """Answers are six bytes: 8, the status, the identifier."""
        self.assertEqual(encode_error(8, 7), bytes.fromhex("08 08 00 00 00 07"))
        self.assertEqual(encode_error(2, 8), bytes.fromhex("08 02 00 00 00 08"))
        self.assertEqual(encode_error(10, 5), bytes.fromhex("08 0a 00 00 00 05"))

    def test_refuses_values_that_do_not_fit(self) -> None:
        """There is no status 256 and no identifier of 33 bits."""
        for status, identifier in ((256, 1), (-1, 1), (1, 1 << 32)):
            with self.assertRaises(LocalProtocolError):
                encode_error(status, identifier)

    def test_reads_whole(self) -> None:
        """A packet in one piece is read at once."""
        reader = ErrorReader()
        self.assertEqual(
            reader.feed(bytes.fromhex("08 08 00 00 00 07")), ErrorPacket(8, 7)
        )
        self.assertEqual(reader.pending, 0)

    def test_reads_byte_by_byte(self) -> None:
        """A packet in six pieces is read at the sixth; the rest is counted."""
        reader = ErrorReader()
        data = bytes.fromhex("08 0a 00 00 01 05")
        pending = []
        for at in range(5):
            self.assertIsNone(reader.feed(data[at : at + 1]))
            pending.append(reader.pending)
        self.assertEqual(pending, [1, 2, 3, 4, 5])
        self.assertEqual(reader.feed(data[5:]), ErrorPacket(10, 261))

    def test_ignores_what_follows(self) -> None:
        """Bytes behind the packet, in the same piece or later, mean nothing."""
        reader = ErrorReader()
        self.assertEqual(reader.feed(encode_error(1, 2) + b"junk"), ErrorPacket(1, 2))
        self.assertIsNone(reader.feed(encode_error(3, 4)))
        self.assertEqual(reader.pending, 0)

    def test_status_is_unsigned(self) -> None:
        """Every status passes through, known or not, 0 to 255."""
        for status in range(256):
            self.assertEqual(
                ErrorReader().feed(encode_error(status, 9)), ErrorPacket(status, 9)
            )

    def test_another_first_byte_is_the_peers_fault(self) -> None:
        """What does not begin with 8 is no answer."""
        for first in (0, 7, 9, 255):
            with self.assertRaises(RemoteProtocolError):
                ErrorReader().feed(bytes([first]))

    def test_nothing_is_nothing(self) -> None:
        """An empty piece changes nothing."""
        reader = ErrorReader()
        self.assertIsNone(reader.feed(b""))
        self.assertEqual(reader.pending, 0)

    @readable
    @given(st.binary(max_size=20), places)
    def test_garbage_raises_nothing_else(self, data: bytes, at: list[int]) -> None:
        """Whatever comes, it is a packet, nothing, or the peer's fault."""
        reader = ErrorReader()
        try:
            found = [reader.feed(piece) for piece in cut(data, at)]
        except RemoteProtocolError:
            self.assertNotEqual(data[0], 8)
            return
        packets = [packet for packet in found if packet]
        self.assertEqual(len(packets), int(len(data) >= 6))


class FrameReaderTests(TestCase):
    def test_reads_whole(self) -> None:
        """All three commands and the known-bad frame, each in one piece."""
        self.assertEqual(read(COMMAND_2), [FRAME_2])
        self.assertEqual(read(COMMAND_1), [FRAME_1])
        self.assertEqual(read(COMMAND_0), [FRAME_0])
        self.assertEqual(read(POISON), [FRAME_POISON])

    def test_golden_sizes(self) -> None:
        """The golden bytes have the sizes that the tables give."""
        sizes = [len(data) for data in (COMMAND_2, COMMAND_1, COMMAND_0, POISON)]
        self.assertEqual(sizes, [83, 67, 59, 29])

    def test_reads_byte_by_byte(self) -> None:
        """A frame comes out with its last byte, not before."""
        reader = FrameReader()
        found = [
            (at, f) for at in range(len(ALL)) for f in reader.feed(ALL[at : at + 1])
        ]
        self.assertEqual([f for _, f in found], ALL_FRAMES)
        self.assertEqual([at for at, _ in found], [82, 149, 208, 237])
        self.assertEqual(reader.pending, 0)

    def test_keeps_trailing_bytes(self) -> None:
        """What follows a frame is kept for the next piece."""
        reader = FrameReader()
        self.assertEqual(reader.feed(COMMAND_2 + COMMAND_1[:30]), [FRAME_2])
        self.assertEqual(reader.pending, 30)
        self.assertEqual(reader.feed(COMMAND_1[30:]), [FRAME_1])
        self.assertEqual(reader.pending, 0)

    def test_truncated_anywhere_is_no_frame(self) -> None:
        """A frame without its end is neither read nor a fault."""
        for data in (COMMAND_2, COMMAND_1, COMMAND_0, POISON):
            for size in range(len(data)):
                reader = FrameReader()
                self.assertEqual(reader.feed(data[:size]), [])
                self.assertEqual(reader.pending, size)

    @readable
    @given(places)
    def test_any_cut_gives_the_same(self, at: list[int]) -> None:
        """However the stream is cut, the frames are the same."""
        self.assertEqual(read(*cut(ALL, at)), ALL_FRAMES)

    @readable
    @given(st.permutations(ITEMS))
    def test_item_order_is_free(self, items: list[bytes]) -> None:
        """Every order of the items is the same notification."""
        self.assertEqual(read(frame_of(*items)), [FRAME_2])

    def test_items_may_be_left_out(self) -> None:
        """Items that are not there have the values the documentation gives them."""
        self.assertEqual(
            read(frame_of(ITEM_TOKEN, ITEM_PAYLOAD)),
            [Frame(2, 0, TOKEN, PAYLOAD, None, 10)],
        )
        self.assertEqual(read(frame_of()), [Frame(2, 0, b"", b"", None, 10)])

    def test_unknown_commands(self) -> None:
        """A first byte above 2 is a fault at once, and nothing behind it is read."""
        for command in (3, 8, 22, 255):
            data = COMMAND_1 + bytes([command]) + COMMAND_2
            reason = f"unknown command {command}"
            self.assertEqual(read(data), [FRAME_1, Malformed(128, 0, reason, command)])

    def test_faulty_items(self) -> None:
        """Each fault of an item has status 128 and the identifier read before it."""
        faults = {
            "item 1 is there twice": (ITEM_IDENTIFIER, ITEM_TOKEN, ITEM_TOKEN),
            "item 3 is there twice": (ITEM_IDENTIFIER, ITEM_IDENTIFIER),
            "item 4 has 3 bytes": (ITEM_IDENTIFIER, bytes.fromhex("04 0003 000000")),
            "item 5 has 2 bytes": (ITEM_IDENTIFIER, bytes.fromhex("05 0002 0a0a")),
            "item 5 has 0 bytes": (ITEM_IDENTIFIER, bytes.fromhex("05 0000")),
            "unknown item 6": (ITEM_IDENTIFIER, bytes.fromhex("06 0000")),
            "unknown item 0": (ITEM_IDENTIFIER, bytes.fromhex("00 0001 00")),
            "item 2 is longer than its frame": (ITEM_IDENTIFIER, ITEM_PAYLOAD[:-1]),
            "an item's header is cut short": (ITEM_IDENTIFIER, b"\x01\x00"),
        }
        for reason, items in faults.items():
            self.assertEqual(
                read(frame_of(*items) + COMMAND_2), [Malformed(128, 7, reason, 2)]
            )

    def test_identifier_behind_the_fault_is_not_known(self) -> None:
        """An identifier that was not read yet, or is faulty itself, is given as 0."""
        late = frame_of(ITEM_TOKEN, ITEM_TOKEN, ITEM_IDENTIFIER)
        short = frame_of(bytes.fromhex("03 0003 000007"))
        self.assertEqual(read(late), [Malformed(128, 0, "item 1 is there twice", 2)])
        self.assertEqual(read(short), [Malformed(128, 0, "item 3 has 3 bytes", 2)])

    def test_frames_too_long(self) -> None:
        """The announced size is enough to refuse; its bytes are not waited for."""
        announced = bytes.fromhex("02 00 01 00 00")
        self.assertEqual(
            read(announced + b"x"),
            [Malformed(128, 0, "a frame of 65541 bytes, the limit is 65535", 2)],
        )
        simple = bytes.fromhex("00 ff ff")
        self.assertEqual(
            read(simple),
            [Malformed(128, 0, "a frame of 65540 bytes, the limit is 65535", 0)],
        )
        enhanced = bytes.fromhex("01 00000007 00000000 0020") + TOKEN + b"\xff\xff"
        self.assertEqual(
            read(enhanced),
            [Malformed(128, 0, "a frame of 65580 bytes, the limit is 65535", 1)],
        )

    def test_longest_frame(self) -> None:
        """A frame of exactly the limit is read."""
        payload = bytes(MAX_FRAME_BYTES - 8)
        data = frame_of(b"\x02" + len(payload).to_bytes(2, "big") + payload)
        self.assertEqual(len(data), MAX_FRAME_BYTES)
        self.assertEqual(read(data), [Frame(2, 0, b"", payload, None, 10)])

    def test_nothing_is_parsed_after_a_fault(self) -> None:
        """A reader that met a fault stays silent, and keeps nothing."""
        reader = FrameReader()
        self.assertEqual(len(reader.feed(b"\x09")), 1)
        self.assertEqual(reader.feed(COMMAND_2), [])
        self.assertEqual(reader.pending, 0)

    @readable
    @given(st.binary(max_size=400), places)
    def test_garbage_never_raises(self, data: bytes, at: list[int]) -> None:
        """Any bytes in any cut give frames and at most one fault, the last."""
        found = read(*cut(data, at))
        self.assertEqual(found, read(data))
        self.assertFalse([f for f in found[:-1] if isinstance(f, Malformed)])

    @readable
    @given(st.lists(st.sampled_from(ITEMS), max_size=8), st.data())
    def test_damaged_frames_never_raise(
        self, items: list[bytes], data: st.DataObject
    ) -> None:
        """One changed byte anywhere gives the same answer in every cut."""
        frame = bytearray(COMMAND_1 + frame_of(*items) + COMMAND_0)
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(
            st.integers(0, 255)
        )
        found = read(*cut(bytes(frame), data.draw(places)))
        self.assertEqual(found, read(bytes(frame)))

    def test_long_frames_in_small_pieces_are_not_copied_again_and_again(self) -> None:
        """Sixty thousand single bytes of one frame come together only once."""
        payload = bytes(60_000)
        data = frame_of(b"\x02" + len(payload).to_bytes(2, "big") + payload)
        reader = FrameReader()
        sizes: set[int] = set()
        original = reader._read

        def spy(data: bytes) -> list[Frame | Malformed]:
            sizes.add(len(data))
            return original(data)

        reader._read = spy  # type: ignore[method-assign]
        for at in range(len(data)):
            reader.feed(data[at : at + 1])
        self.assertEqual(sizes, {1, 5, len(data)})
