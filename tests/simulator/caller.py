"""A client of the HTTP/2 half on a pretend wire: it remembers all it hears."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import orjson
from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from mcmtpush.simulator.provider.trust import ProviderKey


TOKEN = "0f" * 32
TOPIC = "com.example.app"
PAYLOAD = b'{"aps":{"alert":"hi"}}'
NOW = 1_700_000_000


@define
class Heard:
    """What came back on one stream."""

    headers: dict[str, str] = field(factory=dict)
    pieces: list[bytes] = field(factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers.get(":status", 0))

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def reason(self) -> str:
        return str(orjson.loads(self.body)["reason"]) if self.body else ""


class Careless(H2Connection):
    """Opens as many streams as it is told to, whatever the limit."""

    open_outbound_streams = 0  # type: ignore[assignment]


class Caller:
    """One connection.  `protocol` is the server's side, made by its factory."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.closed = self.aborted = False
        self.paused = False
        self.producer: Any = None
        self.heard: dict[int, Heard] = {}
        self.goodbyes: list[tuple[int, int, bytes]] = []
        self.limits: list[int] = []
        self.writes: list[bytes] = []
        self._h2 = Careless(H2Configuration(header_encoding="utf-8"))
        self._h2._frame_dispatch_table[GoAwayFrame] = self._hear_goodbye
        self._h2.initiate_connection()
        protocol.makeConnection(self)
        self.talk()

    # -- the server's transport --

    def write(self, data: bytes) -> None:
        if self.closed or self.aborted:
            return  # as TLS has it
        self.writes.append(data)
        for event in self._h2.receive_data(data):
            self._hear(event)

    def loseConnection(self) -> None:
        self.closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    # -- the client --

    def push(
        self,
        body: bytes = PAYLOAD,
        *,
        path: str = f"/3/device/{TOKEN}",
        method: str = "POST",
        talk: bool = True,
        **headers: str | None,
    ) -> Heard:
        """One request, its names with underscores; what comes back fills up later."""
        given = {"apns_topic": TOPIC, **headers}
        pairs = [(k.replace("_", "-"), v) for k, v in given.items() if v is not None]
        pseudo = [
            *((":method", method), (":scheme", "https")),
            *((":path", path), (":authority", "localhost")),
        ]
        stream = self._h2.get_next_available_stream_id()
        self.heard[stream] = Heard()
        self._h2.send_headers(stream, [*pseudo, *pairs], end_stream=not body)
        if body:
            self._h2.send_data(stream, body, end_stream=True)
        if talk:
            self.talk()
        return self.heard[stream]

    def cancel(self, stream: int) -> None:
        self._h2.reset_stream(stream, 8)
        self.talk()

    def window(self, stream: int | None = None) -> int:
        """How many bytes may still go out, on a stream or on all."""
        if stream is not None:
            return self._h2.local_flow_control_window(stream)
        return int(self._h2.outbound_flow_control_window)

    def talk(self) -> None:
        """Send what is to be sent, acknowledgements included, until all is said."""
        while data := self._h2.data_to_send():
            self.protocol.dataReceived(data)

    def hang_up(self) -> None:
        self.protocol.connectionLost()

    def _hear_goodbye(self, frame: Any) -> tuple[list[Any], list[Any]]:
        self.goodbyes.append(
            (frame.last_stream_id, frame.error_code, frame.additional_data)
        )
        return [], []

    def _hear(self, event: Any) -> None:
        if isinstance(event, RemoteSettingsChanged):
            change = event.changed_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)
            if change is not None:
                self.limits.append(change.new_value)
            return
        assert not isinstance(event, ConnectionTerminated)
        heard = self.heard.get(getattr(event, "stream_id", None) or 0)
        if heard is None:
            return
        if isinstance(event, ResponseReceived):
            heard.headers = dict(event.headers)
        elif isinstance(event, DataReceived):
            heard.pieces.append(event.data)
        elif isinstance(event, StreamEnded):
            heard.ended = True
        elif isinstance(event, StreamReset):
            heard.reset = int(event.error_code)


# -- provider tokens ----------------------------------------------------------------


def a_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


SIGNER = a_key()
KEY = ProviderKey("KEY0000001", "TEAM000001", SIGNER.public_key())


def a_jwt(
    signer: ec.EllipticCurvePrivateKey = SIGNER,
    *,
    head: dict[str, Any] | None = None,
    der: bool = False,
    **claims: Any,
) -> str:
    """A provider token of `KEY`, changed as said."""
    parts = (
        {"alg": "ES256", "kid": "KEY0000001", **(head or {})},
        {"iss": "TEAM000001", "iat": NOW, **claims},
    )
    signed = b".".join(encode(orjson.dumps(part)) for part in parts)
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
    if not der:
        r, s = decode_dss_signature(signature)
        signature = r.to_bytes(32) + s.to_bytes(32)
    return (signed + b"." + encode(signature)).decode()


def encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
