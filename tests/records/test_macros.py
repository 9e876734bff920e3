"""Formats: golden lines, the longest name, and everything that is no macro."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import LoggerSettings
from mcmtpush.records.fields import ARGUMENT_MACROS, FIELDS, heartbeat
from mcmtpush.records.macros import check_format, compile_format
from mcmtpush.values import Message, QueueKey, Record
from tests.support.case import TestCase, readable


MESSAGE = Message(
    id="10/00-04711-001F3556",
    batch_id="20/00-04711-001F3556",
    connection_id="30/00-04711-001F3556",
    received_at=1700000000.0,
    sender="news@example.net",
    recipient="4711@apn.example.net",
    key=QueueKey("default", "default", "apn.example.net"),
    size=1024,
)
DELIVERED = Record(
    "D", 1700000009.0, MESSAGE, "ab" * 32, 42, 187, "192.0.2.10", proof="presumed"
)
REFUSED = evolve(DELIVERED, kind="T", status=1, detail="Processing Error", proof="")
FAILED = evolve(REFUSED, kind="P", status=8, detail="Invalid Token")
SETTINGS = LoggerSettings("main", "/var/log/apnlog.ec")

ODDITIES = [
    *("%", "{", "}", "%%", "@", '"', "\n", "\t", "é", "\ud800"),
    *("%t", "%ti", "%t{", "%t{%s}", "%t{%Y", "%s", "%sa", "%d", "%dt", "%B", "%x"),
    *("%vctx_mess{a}", "%vctx_mess{DLV_Dest_ID}", "%vctx_conn{}", "%vctx_conn"),
]
FORMATS = st.lists(st.sampled_from(ODDITIES) | st.text(max_size=4)).map("".join)
TEXTS = st.text(st.characters())
WORDS = st.sampled_from(["%t", "%ti", "%sa", "%B", "%vctx_mess{a b}", "%vctx_conn{%}"])
GOOD = st.lists(WORDS | st.text('@ tiasé"}\t', max_size=3)).map("".join)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Records with any text wherever strangers choose the text."""
    context = st.dictionaries(st.sampled_from(["a", "DLV_Dest_ID"]), TEXTS)
    message = evolve(
        MESSAGE,
        sender=draw(TEXTS),
        recipient=draw(TEXTS),
        message_context=draw(context),
    )
    at = draw(st.floats(-1e19, 1e19))
    return evolve(REFUSED, at=at, message=message, token="", detail=draw(TEXTS))


def render(text: str, record: Record = REFUSED) -> str:
    return compile_format(text)(record)


class DefaultFormatTests(TestCase):
    """The bytes that readers of these logs have always been given."""

    def test_delivery(self) -> None:
        """A D line has quoted addresses and ends with the transaction."""
        self.assertEqual(
            render(SETTINGS.log_delivery_format, DELIVERED),
            '1700000009@D@10/00-04711-001F3556@"news@example.net"@"4711"'
            "@apn.example.net@default@default@192.0.2.10@187@42",
        )

    def test_temporary_failure(self) -> None:
        """A T line is a D line with status and text."""
        self.assertEqual(
            render(SETTINGS.log_tempfail_format, REFUSED),
            '1700000009@T@10/00-04711-001F3556@"news@example.net"@"4711"'
            "@apn.example.net@default@default@192.0.2.10@187@42@1@Processing Error",
        )

    def test_permanent_failure(self) -> None:
        """A P line quotes nothing and has neither size nor transaction."""
        self.assertEqual(
            render(SETTINGS.log_permfail_format, FAILED),
            "1700000009@P@10/00-04711-001F3556@news@example.net@4711"
            "@apn.example.net@default@default@192.0.2.10@8@Invalid Token",
        )

    def test_heartbeat(self) -> None:
        """An M line is a time and a letter."""
        line = render(SETTINGS.log_heartbeat_format, heartbeat(1700000060.0))
        self.assertEqual(line, "1700000060@M")

    def test_expired_message(self) -> None:
        """Never sent, never answered: address and status of the peer stay empty."""
        record = Record(
            "P",
            1700000009.0,
            MESSAGE,
            detail="554 5.4.5 [internal] Delivery not attempted (message expired)",
        )
        self.assertEqual(
            render(SETTINGS.log_permfail_format, record),
            "1700000009@P@10/00-04711-001F3556@news@example.net@4711"
            "@apn.example.net@default@default@@"
            "@554 5.4.5 [internal] Delivery not attempted (message expired)",
        )

    def test_are_without_fault(self) -> None:
        """The check has nothing against the built-in formats."""
        for text in (
            SETTINGS.log_delivery_format,
            SETTINGS.log_tempfail_format,
            SETTINGS.log_permfail_format,
            SETTINGS.log_heartbeat_format,
        ):
            self.assertEqual(check_format(text), [])


class ManualTests(TestCase):
    """The page for operators, held against the program."""

    PAGE = Path(__file__).parents[2] / "docs" / "reference" / "records.md"

    def test_has_every_macro_once(self) -> None:
        """The table of macros is complete and names nothing else."""
        table = self.PAGE.read_text("utf-8").split("## Macros")[1].split("###")[0]
        listed = re.findall(r"^\| `%(\w+|%)(?:\{\w+\})?` \|", table, re.MULTILINE)
        self.assertEqual(
            sorted(listed), sorted([*FIELDS, *ARGUMENT_MACROS, "%"]), "macros"
        )

    def test_its_expressions_read_the_default_lines(self) -> None:
        """Addresses with at signs and quotes come out of the lines unharmed."""
        part = self.PAGE.read_text("utf-8").split("<!-- expressions -->")[1]
        both, permanent, alive = part.split("```")[1].split()
        odd = evolve(MESSAGE, sender='"a@b"@c', recipient='"d@e"@apn.example.net')
        for text, record, expression, source, destination in (
            (SETTINGS.log_delivery_format, DELIVERED, both, '"a@b"@c', '"d@e"'),
            (SETTINGS.log_tempfail_format, REFUSED, both, '"a@b"@c', '"d@e"'),
            (
                SETTINGS.log_permfail_format,
                FAILED,
                permanent,
                "news@example.net",
                "4711",
            ),
        ):
            message = MESSAGE if expression is permanent else odd
            found = re.fullmatch(
                expression, render(text, evolve(record, message=message))
            )
            assert found is not None
            self.assertEqual(found[2], record.kind)
            self.assertEqual((found[4], found[5]), (source, destination))
            self.assertEqual(found[6], "apn.example.net")
        uuid = "abf3c086-34cc-58f5-ab48-98d75f22bdcf"
        line = render(
            SETTINGS.log_delivery_format, evolve(DELIVERED, transaction_id=uuid)
        )
        self.assertEqual(re.fullmatch(both, line)[11], uuid)
        self.assertTrue(re.fullmatch(alive, "1700000060@M"))

    def test_its_expressions_read_what_mail_servers_say(self) -> None:
        """A text that repeats an address is one field all the same."""
        part = self.PAGE.read_text("utf-8").split("<!-- expressions -->")[1]
        both, permanent, _ = part.split("```")[1].split()
        said = "5.1.1 <4711@apn.example.net>: unknown, see http://x/?a@b"
        mail = evolve(REFUSED, transaction_id="", status=550, detail=said)
        for text, expression, status in (
            (SETTINGS.log_tempfail_format, both, 12),
            (SETTINGS.log_permfail_format, permanent, 10),
        ):
            found = re.fullmatch(expression, render(text, mail))
            assert found is not None
            self.assertEqual(found[5], "4711")
            self.assertEqual(found[6], "apn.example.net")
            self.assertEqual((found[status], found[status + 1]), ("550", said))


class CompileFormatTests(TestCase):
    def test_longest_name_wins(self) -> None:
        """`%ti` is not `%t` and an i; a name ends where no longer one fits."""
        self.assertEqual(
            render("%ti %tx %dt %da %d"),
            f"42 1700000009x {'ab' * 32} 4711 apn.example.net",
        )

    def test_case_matters(self) -> None:
        """`%b` is the binding and `%B` the bytes."""
        self.assertEqual(render("%b %B"), "default 187")

    def test_percent_signs(self) -> None:
        """Two make one, and what follows is plain text."""
        self.assertEqual(render("%%S 100%% %%%S"), "%S 100% %1")

    def test_unknown_macros_stand_as_written(self) -> None:
        """Nothing is guessed and nothing raises."""
        for text in (
            "%x",
            "%",
            "%s",
            "%T",
            "%vctx_mess",
            "%vctx_mess{a",
            "%t{",
            "%t{}",
        ):
            self.assertEqual(render(f"[{text}"), f"[{text}")

    def test_macros_with_arguments(self) -> None:
        """Contexts and times, braces beside them included."""
        record = evolve(
            DELIVERED,
            message=evolve(
                MESSAGE,
                message_context={"a b": "1"},
                connection_context={"mcmt_reception": "allow"},
            ),
        )
        self.assertEqual(
            render("{%vctx_mess{a b}}%vctx_conn{mcmt_reception}%vctx_mess{no}", record),
            "{1}allow",
        )
        self.assertEqual(render("%vctx_mess{acceptance}", record), "presumed")
        self.assertEqual(render("%t{%Y-%m-%d %H:%M:%S}"), "2023-11-14 22:13:29")

    def test_values_cannot_break_the_line(self) -> None:
        """A sender that carries a line feed does not write a second record."""
        message = evolve(MESSAGE, sender="a\n1@D@forged", recipient="b\tc@d")
        record = evolve(REFUSED, message=message, detail="e\r\n")
        self.assertEqual(render("%sa\t%da\t%e", record), "a?1@D@forged\tb?c\te??")

    def test_literal_control_characters(self) -> None:
        """A tab separates fields; anything else would separate lines."""
        self.assertEqual(render("a\tb\nc\ud800"), "a\tb?c?")

    @readable
    @given(FORMATS, records())
    def test_any_format_renders_any_record_as_one_line(
        self, text: str, record: Record
    ) -> None:
        """No format and no value raises, splits the line or resists UTF-8."""
        line = render(text, record)
        self.assertLessEqual(len(line.encode().decode().splitlines()), 1)


class CheckFormatTests(TestCase):
    @readable
    @given(GOOD, GOOD, st.sampled_from(["%x@", "%T ", "%s", "%vctx_mess."]))
    def test_finds_the_one_fault(self, before: str, after: str, fault: str) -> None:
        """Good pieces are good in any order; one bad piece is found in its place."""
        self.assertEqual(check_format(before + after), [])
        self.assertNotIn("%", render(before + after))
        (problem,) = check_format(f"{before}{fault}@{after}")
        place = f"column {len(before) + 1}: "
        self.assertTrue(problem.startswith(place), problem)
        self.assertIn(fault, render(f"{before}{fault}@{after}"))

    def test_every_fault_with_its_column(self) -> None:
        """All faults of a format at once, in order, each with its place."""
        faults = check_format("%t@%x@%S%%q@%vctx_mess@%t{oops")
        self.assertEqual(
            [fault.split(";")[0] for fault in faults],
            [
                "column 4: unknown macro %x",
                "column 13: unknown macro %vctx_mess",
                "column 24: %t{ needs a text and a closing brace",
            ],
        )
        self.assertIn("%t %i %sa", faults[0])

    def test_a_percent_sign_alone(self) -> None:
        """The usual slip, with its remedy."""
        self.assertEqual(
            check_format("100%"),
            ["column 4: a percent sign alone; write %% for one"],
        )

    def test_empty_arguments(self) -> None:
        """Braces with nothing in them name nothing."""
        self.assertEqual(
            check_format("%vctx_conn{}"),
            ["column 1: %vctx_conn{ needs a text and a closing brace"],
        )

    def test_control_characters(self) -> None:
        """A record is one line; a tab is the one control character allowed."""
        self.assertEqual(
            check_format("%t\t%i\n"),
            ["column 6: a control character would break the line (a tab may stand)"],
        )

    def test_times_that_strftime_cannot_do(self) -> None:
        """Local time under the name of UTC, and text that it refuses."""
        self.assertEqual(check_format("%t{%Y %%s}"), [])
        self.assertEqual(
            check_format("%i %t{%s}"),
            ["column 7: strftime's %s is local time; write %t for the epoch's seconds"],
        )
        (fault,) = check_format("%t{\ud800}")
        self.assertTrue(fault.startswith("column 4: strftime cannot do this: "), fault)
