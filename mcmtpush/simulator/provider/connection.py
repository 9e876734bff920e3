"""The `h2` package as it serves here: what it judges stays its own.

Every frame of a client is read and judged by h2, with hyperframe and hpack.  Only
what it does for nobody is left out: to count streams at every request, to write
each frame down for a log that it does not keep, to check answers that are made
here, and to let hpack read what a short way reads alike (`fieldblock`).
"""

from __future__ import annotations

from typing import Any, Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import ProtocolError, StreamClosedError, StreamIDTooLowError
from h2.settings import SettingCodes, Settings
from h2.stream import StreamInputs

from mcmtpush.simulator.provider.fieldblock import Field, PlainDecoder, PlainEncoder
from mcmtpush.simulator.provider.frame import header_frames
from mcmtpush.simulator.script import Http2


MAX_STREAM: Final = (1 << 31) - 1

_SCAN_EVERY: Final = 64


class Connection(H2Connection):
    """The server's side of one connection, begun but with nothing to send yet."""

    _until_scan = _SCAN_EVERY

    def __init__(self, settings: Http2) -> None:
        super().__init__(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                # Faults of requests are Apple's to name; answers are made here.
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.encoder = PlainEncoder()
        self.decoder = PlainDecoder(self.decoder.max_header_list_size)
        self.decoder.max_allowed_table_size = settings.header_table
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.HEADER_TABLE_SIZE: settings.header_table,
                SettingCodes.INITIAL_WINDOW_SIZE: settings.window,
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAM,
            },
        )
        self._dispatch = cast("dict[Any, Any]", self._frame_dispatch_table)
        self._dispatch[_Fault] = _raise
        self.initiate_connection()
        self.data_to_send()  # `Streams.begin` says it in its own words

    def answer(self, stream: int, headers: list[Field], *, end: bool) -> bytes:
        """The frames of an answer's headers, which h2 is told of.

        They are to go out behind what there is to send.  `h2.exceptions.ProtocolError`
        when nothing more may be said on this stream.
        """
        machine = self.streams[stream].state_machine
        machine.process_input(StreamInputs.SEND_HEADERS)
        if end:
            machine.process_input(StreamInputs.SEND_END_STREAM)
        elif machine.trailers_sent:
            raise ProtocolError("an answer has begun, and what follows does not end it")
        block = self.encoder.encode(headers)
        return header_frames(stream, block, end=end, limit=self.max_outbound_frame_size)

    @property
    def open_inbound_streams(self) -> int:
        """None, most of the time.

        h2 looks at all streams to count them.  The limit is not its business here;
        the look also forgets what is closed, so it is done from time to time.
        """
        self._until_scan -= 1
        if self._until_scan:
            return 0
        self._until_scan = _SCAN_EVERY
        return super().open_inbound_streams

    def _receive_goaway_frame(self, _frame: Any) -> tuple[list[Any], list[Event]]:
        """A client that says good-bye still waits for its answers."""
        return [], []

    def _receive_frame(self, frame: Any) -> Any:
        """As h2's, which writes every frame out for its log before it takes it."""
        try:
            frames, events = self._dispatch[frame.__class__](frame)
        except (StreamClosedError, StreamIDTooLowError) as error:
            # What follows from these, h2 knows.
            fault: Any = _Fault(error)
            return super()._receive_frame(fault)
        if frames:
            self._prepare_for_sending(frames)
        return events


class _Fault:
    """In the place of a frame that brought this error."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _raise(fault: _Fault) -> None:
    raise fault.error
