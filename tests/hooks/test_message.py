"""What policy code is given of a message."""

from __future__ import annotations

from mcmtpush.hooks.message import ECMESS_CTX_CONN, ECMESS_CTX_MESS, Message
from tests.hooks.stage import MESSAGE
from tests.support.case import TestCase


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
