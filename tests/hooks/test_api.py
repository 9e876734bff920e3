"""What policy code is given."""

from __future__ import annotations

from typing import Any

from mcmtpush.hooks import api
from mcmtpush.hooks.api import (
    ECMESS_CTX_CONN,
    ECMESS_CTX_MESS,
    Headers,
    Message,
    Request,
    Response,
    apn_status_classifier,
    read_status,
)
from mcmtpush.mcmt.pushpart import NATIVE_FIELDS
from mcmtpush.values import Draft, PushPart, QueueKey
from mcmtpush.values import Message as Accepted
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "apn.example")
MESSAGE = Accepted(
    "id",
    "batch",
    "connection",
    1.0,
    "s@x",
    "r@y",
    KEY,
    321,
    1,
    {"ip": "::1"},
    {"a": "b"},
)


def a_request(payload: bytes = b'{"aps":{"alert":"hi"}}', **headers: str) -> Request:
    """Over HTTP/2."""
    push = PushPart("ab" * 32, payload, None, headers)
    return Request(Draft(MESSAGE, push, 0, "an-id", 1000, 2))


class HeadersTests(TestCase):
    """`req.headers`."""

    def test_names(self) -> None:
        """Those that an injector may write, in any case, and no others."""
        native = {name[2:-1].decode() for name in NATIVE_FIELDS}
        self.assertEqual(api.HEADERS, native)
        headers = Headers({})
        headers["APNS-Topic"] = "com.example"
        self.assertEqual(dict(headers), {"apns-topic": "com.example"})
        self.assertEqual(headers["Apns-Topic"], "com.example")
        with self.assertRaisesRegex(KeyError, "apns-prio"):
            headers["apns-prio"] = "5"

    def test_values(self) -> None:
        """Texts and whole numbers; nothing that would break a header."""
        headers = Headers({})
        for value, text in (("5", "5"), (5, "5"), (5.0, "5")):
            headers["apns-priority"] = value
            self.assertEqual(headers["apns-priority"], text)
        for bad in (None, True, 5.5, b"5", ["5"]):
            with self.assertRaises(TypeError, msg=repr(bad)):
                headers["apns-priority"] = bad  # type: ignore[assignment]
        for text in ("5\r\nx: y", "\u00e9", "a\x00"):
            with self.assertRaises(ValueError, msg=text):
                headers["apns-topic"] = text

    def test_taken_out(self) -> None:
        """As from any dict."""
        headers = Headers({"apns-priority": "5"})
        del headers["APNS-priority"]
        self.assertEqual(len(headers), 0)
        self.assertEqual(headers.get("apns-priority"), None)


class RequestTests(TestCase):
    """`req`."""

    def test_fields(self) -> None:
        """As drafted."""
        request = a_request(**{"apns-topic": "t"})
        self.assertEqual(
            (request.command, request.id, request.expiry), (0, "an-id", 1000)
        )
        self.assertEqual(request.token, "ab" * 32)
        self.assertFalse(request.json_read)
        self.assertEqual(request.json, {"aps": {"alert": "hi"}})
        self.assertTrue(request.json_read)
        self.assertEqual(dict(request.headers), {"apns-topic": "t"})

    def test_json_is_the_same_each_time(self) -> None:
        """What is changed in place stays changed; it may be set as a whole."""
        request = a_request()
        request.json["aps"]["alert"] = "ho"
        self.assertEqual(request.json, {"aps": {"alert": "ho"}})
        request.json = {"aps": {}}
        self.assertEqual(request.json, {"aps": {}})
        self.assertEqual(a_request(b"").json, {})

    def test_wrong_values(self) -> None:
        """They are refused where they are set, in the line of the script."""
        request: Any = a_request()
        for name, value in (
            ("token", 7), ("token", "a\nb"), ("expiry", "soon"), ("expiry", -1),
            ("expiry", 10**12), ("expiry", float("nan")), ("expiry", True),
        ):  # fmt: skip
            with self.assertRaises((TypeError, ValueError), msg=f"{name} {value}"):
                setattr(request, name, value)
        with self.assertRaises(AttributeError):
            request.tokken = "typo"


class ResponseTests(TestCase):
    """`resp`."""

    def test_status(self) -> None:
        """Writable, as a number or a text of one."""
        response = Response(8, 5)
        self.assertEqual(
            (response.command, response.http_status, response.reason), (8, 0, "")
        )
        for value, status in ((1, 1), (1.0, 1), ("10", 10), (0, 0)):
            response.status = value  # type: ignore[assignment]
            self.assertEqual(response.status, status)
        for bad in (None, "x", -1, 1000, 1.5, float("nan"), float("inf"), [], "1.5"):
            with self.assertRaises(ValueError, msg=repr(bad)):
                read_status(bad)

    def test_over_http2(self) -> None:
        """With Apple's own words."""
        response = Response(8, "an-id", 410, "Unregistered")
        self.assertEqual(
            (response.command, response.http_status, response.reason),
            (0, 410, "Unregistered"),
        )

    def test_classifier(self) -> None:
        """Momentum's classes."""
        for status, kind in (
            (api.APNS_NO_ERROR, api.DELIVERY_SUCCESS),
            (api.APNS_PROCESSING_ERROR, api.DELIVERY_TEMPFAILED),
            (api.APNS_INVALID_TOKEN, api.DELIVERY_PERMFAILED),
            (api.APNS_SHUTDOWN, api.DELIVERY_TEMPFAILED),
            (255, api.DELIVERY_TEMPFAILED),
            (500, api.DELIVERY_TEMPFAILED),
        ):
            self.assertEqual(apn_status_classifier(status), kind, status)

    def test_everything_promised_exists(self) -> None:
        """`__all__` holds no name that is not there."""
        for name in api.__all__:
            self.assertTrue(hasattr(api, name), name)


class MessageTests(TestCase):
    """`msg`."""

    def setUp(self) -> None:
        self.message = Message(MESSAGE, 2, {"DLV_Response_Status": "8"})

    def test_facts(self) -> None:
        """What is known of the message."""
        message = self.message
        self.assertEqual(
            (message.id, message.batch_id, message.conn_id, message.priority),
            ("id", "batch", "connection", 1),
        )
        self.assertEqual(
            (message.mailfrom(), message.rcptto(), message.num_retries),
            ("s@x", "r@y", 2),
        )
        self.assertEqual(
            (message.get_delivery_method(), message.get_message_size()), ("apn", 321)
        )
        self.assertEqual(
            (message.routing_domain(), message.binding()), ("apn.example", "default")
        )

    def test_contexts(self) -> None:
        """Both dictionaries, with Momentum's return values."""
        message = self.message
        self.assertEqual(message.context_get(ECMESS_CTX_MESS, "a"), "b")
        self.assertEqual(message.context_get(ECMESS_CTX_CONN, "ip"), "::1")
        self.assertEqual(message.context_get(ECMESS_CTX_MESS, "none"), "")
        self.assertEqual(message.context_exists(ECMESS_CTX_MESS, "a"), 1)
        self.assertEqual(message.context_exists(ECMESS_CTX_CONN, "a"), 0)
        self.assertEqual(message.context_exists_and_get(ECMESS_CTX_MESS, "a"), (1, "b"))
        self.assertEqual(
            message.context_exists_and_get(ECMESS_CTX_MESS, "z"), (0, None)
        )
        for value, text in (
            ("x", "x"),
            (5, "5"),
            (5.0, "5"),
            (2.5, "2.5"),
            (None, "None"),
        ):
            message.context_set(ECMESS_CTX_MESS, "new", value)
            self.assertEqual(message.context_get(ECMESS_CTX_MESS, "new"), text)
        self.assertEqual(message.context_delete(ECMESS_CTX_MESS, "new"), 1)
        self.assertEqual(message.context_delete(ECMESS_CTX_MESS, "new"), 0)

    def test_no_such_context(self) -> None:
        """A misspelt constant is nil or None."""
        for which in (None, 0, 7, "mess", []):
            with self.assertRaisesRegex(ValueError, "ECMESS_CTX_MESS"):
                self.message.context_get(which, "a")  # type: ignore[arg-type]

    def test_changed(self) -> None:
        """The accepted message itself stays as it was."""
        self.assertIs(
            Message(MESSAGE, 0).changed(MESSAGE), MESSAGE, "nothing was changed"
        )
        self.message.context_set(ECMESS_CTX_MESS, "a", "c")
        self.message.context_set(ECMESS_CTX_CONN, "ip", "::2")
        changed = self.message.changed(MESSAGE, but=frozenset({"DLV_Response_Status"}))
        self.assertEqual(changed.message_context, {"a": "c"})
        self.assertEqual(changed.connection_context, {"ip": "::2"})
        self.assertEqual(MESSAGE.message_context, {"a": "b"})
