"""What every macro shows, and what it shows when there is nothing to show."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.records.fields import (
    ARGUMENT_MACROS,
    FIELDS,
    argument_field,
    connection_variable,
    formatted_time,
    heartbeat,
    message_variable,
    one_line,
)
from mcmtpush.values import Message, Native, QueueKey, Record
from tests.support.case import TestCase, readable


MESSAGE = Message(
    id="10/00-04711-001F3556",
    batch_id="20/00-04711-001F3556",
    connection_id="30/00-04711-001F3556",
    received_at=1700000000.0,
    sender="news@example.net",
    recipient="4711@apn.example.net",
    key=QueueKey("push", "red", "apn.example.net"),
    size=1024,
    connection_context={"can_relay": "true"},
    message_context={"campaign": "spring"},
)
RECORD = Record(
    kind="T",
    at=1700000009.9,
    message=MESSAGE,
    token="ab12" * 16,
    transaction_id=42,
    size=187,
    remote_ip="192.0.2.10",
    status=1,
    detail="Processing Error",
)


def with_context(**variables: str) -> Record:
    return evolve(RECORD, message=evolve(MESSAGE, message_context=variables))


class FieldsTests(TestCase):
    def test_every_macro_shows_its_value(self) -> None:
        """Each macro without an argument shows what its row of the table says."""
        shown = {name: field(RECORD) for name, field in FIELDS.items()}
        self.assertEqual(
            shown,
            {
                "t": "1700000009",
                "i": "10/00-04711-001F3556",
                "sa": "news@example.net",
                "da": "4711",
                "dt": "ab12" * 16,
                "ti": "42",
                "d": "apn.example.net",
                "g": "push",
                "b": "red",
                "H": "192.0.2.10",
                "B": "187",
                "S": "1",
                "e": "Processing Error",
            },
        )

    def test_context_addresses_come_before_the_envelope(self) -> None:
        """DLV_Source_Addr and DLV_Dest_Addr replace MAIL FROM and RCPT TO whole."""
        record = with_context(DLV_Source_Addr="shop", DLV_Dest_Addr="a@b")
        self.assertEqual((FIELDS["sa"](record), FIELDS["da"](record)), ("shop", "a@b"))

    def test_destination_is_the_local_part_whatever_it_holds(self) -> None:
        """Only the last at sign parts local part from domain."""
        for recipient, expected in {
            '"a@b"@example.net': '"a@b"',
            "4711": "4711",
            "@example.net": "@example.net",
        }.items():
            message = evolve(MESSAGE, recipient=recipient)
            self.assertEqual(FIELDS["da"](evolve(RECORD, message=message)), expected)

    def test_token_falls_back_to_the_context(self) -> None:
        """Without a token of its own a record shows DLV_Dest_ID."""
        record = evolve(with_context(DLV_Dest_ID="cd34"), token="")
        self.assertEqual(FIELDS["dt"](record), "cd34")
        self.assertEqual(FIELDS["dt"](evolve(RECORD, token="")), "")

    def test_what_does_not_exist_is_empty(self) -> None:
        """No answer, nothing sent: no digit may pretend otherwise."""
        record = Record("P", 0.0, evolve(MESSAGE, sender=""))
        for name in ("sa", "dt", "ti", "H", "B", "S", "e"):
            self.assertEqual(FIELDS[name](record), "", name)

    def test_status_zero_is_a_status(self) -> None:
        """Zero is a number, unlike no status at all."""
        self.assertEqual(FIELDS["S"](evolve(RECORD, status=0)), "0")


class VariableTests(TestCase):
    def test_delivery_variables_come_from_the_record(self) -> None:
        """Every DLV_ name reads like its macro."""
        for key, name in {
            "DLV_Source_Addr": "sa",
            "DLV_Dest_Addr": "da",
            "DLV_Dest_ID": "dt",
            "DLV_Transaction_ID": "ti",
            "DLV_Response_Status": "S",
            "DLV_Response_Status_Detail": "e",
            "DLV_Msg_Length": "B",
            "DLV_Remote_IP_Address": "H",
        }.items():
            self.assertEqual(message_variable(key)(RECORD), FIELDS[name](RECORD), key)

    def test_a_stale_status_in_the_context_is_not_shown(self) -> None:
        """The answer is the attempt's; a context cannot turn it into another."""
        record = evolve(with_context(DLV_Response_Status="8"), status=None)
        self.assertEqual(message_variable("DLV_Response_Status")(record), "")

    def test_the_http2_interface_in_its_own_words(self) -> None:
        """Status, reason, apns-id and timestamp; empty where there are none."""
        names = ("APNS_Status", "APNS_Reason", "APNS_ID", "APNS_Timestamp")
        plain = [message_variable(name)(RECORD) for name in names]
        self.assertEqual(plain, ["", "", "", ""])
        record = evolve(
            RECORD,
            transaction_id="eabeae54-14a8-11e5-b60b-1697f925ec7b",
            native=Native(410, "Unregistered", 1700000000123),
        )
        self.assertEqual(
            [message_variable(name)(record) for name in names],
            [
                "410",
                "Unregistered",
                "eabeae54-14a8-11e5-b60b-1697f925ec7b",
                "1700000000123",
            ],
        )
        self.assertEqual(FIELDS["ti"](record), record.transaction_id)
        lost = evolve(record, native=Native(0, "REFUSED_STREAM"))
        self.assertEqual(message_variable("APNS_Status")(lost), "")

    def test_acceptance_tells_presumed_from_proven(self) -> None:
        """`acceptance` is the proof of a delivery and empty for all else."""
        acceptance = message_variable("acceptance")
        for proof in ("presumed", "proven", ""):
            self.assertEqual(acceptance(evolve(RECORD, proof=proof)), proof)

    def test_other_keys_come_from_the_contexts(self) -> None:
        """Message and connection have a context each; a missing key is empty."""
        self.assertEqual(message_variable("campaign")(RECORD), "spring")
        self.assertEqual(message_variable("can_relay")(RECORD), "")
        self.assertEqual(connection_variable("can_relay")(RECORD), "true")
        self.assertEqual(connection_variable("campaign")(RECORD), "")

    def test_arguments_reach_their_macro(self) -> None:
        """All three macros with an argument are there under their names."""
        self.assertEqual(
            {
                name: argument_field(name, "campaign")(RECORD)
                for name in ARGUMENT_MACROS
            },
            {"t": "campaign", "vctx_mess": "spring", "vctx_conn": ""},
        )


class FormattedTimeTests(TestCase):
    def test_is_utc(self) -> None:
        """The pattern is filled in for UTC, wherever the machine stands."""
        field = formatted_time("%Y-%m-%dT%H:%M:%S.%fZ %Z %z")
        self.assertEqual(
            field(evolve(RECORD, at=1700000009.5)),
            "2023-11-14T22:13:29.500000Z UTC +0000",
        )

    def test_follows_the_clock_both_ways(self) -> None:
        """The remembered answer is for one moment only."""
        field = formatted_time("%S")
        shown = [field(evolve(RECORD, at=at)) for at in (9.0, 9.0, 10.0, 9.0)]
        self.assertEqual(shown, ["09", "09", "10", "09"])

    def test_impossible_times_and_patterns_stand_as_written(self) -> None:
        """What strftime cannot do is no reason to lose a record."""
        self.assertEqual(formatted_time("%Y")(evolve(RECORD, at=1e18)), "%Y")
        self.assertEqual(formatted_time("\ud800%Y")(RECORD), "\ud800%Y")


class OneLineTests(TestCase):
    def test_control_characters_become_question_marks(self) -> None:
        """One for each, so that a forged record stays inside its field."""
        self.assertEqual(one_line("a\r\nb\x00c\x7fd\x85e\u2028f\tg"), "a??b?c?d?e?f?g")

    def test_ordinary_text_is_untouched(self) -> None:
        """At signs, quotes, accents and spaces that do not break lines stay."""
        text = '"ä"@é\u00a0😀 %s'
        self.assertEqual(one_line(text), text)

    @readable
    @given(st.text(st.characters()))
    def test_is_one_line_that_utf8_can_hold(self, text: str) -> None:
        """Whatever comes in, one encodable line of the same length comes out."""
        line = one_line(text)
        self.assertEqual(len(line.encode().decode().splitlines()), 1 if text else 0)
        self.assertEqual(len(line), len(text))


class HeartbeatTests(TestCase):
    def test_knows_the_time_and_nothing_else(self) -> None:
        """All macros but the time are empty in a heartbeat."""
        record = heartbeat(1700000060.7)
        shown = {name: field(record) for name, field in FIELDS.items()}
        self.assertEqual(shown.pop("t"), "1700000060")
        self.assertEqual(set(shown.values()), {""})
