"""Written values and typed values, both ways."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.grammar import Assignment
from mcmtpush.config.options import OPTIONS, Option
from mcmtpush.config.parser import read_items
from mcmtpush.config.tokens import Faults, read_tokens
from mcmtpush.config.units import (
    FALSE,
    TRUE,
    Throttle,
    ValueFault,
    check_regex,
    example,
    in_seconds,
    read_value,
    write_value,
)
from tests.config.strategies import values_of
from tests.support.case import TestCase, readable


def read(name: str, text: str) -> Any:
    """The typed value of an option written so, in a file of /etc/gw."""
    faults = Faults("x")
    items = read_items(read_tokens(f"{name} = {text}", faults), faults)
    assert isinstance(items[0], Assignment), (text, faults.errors)
    return read_value(OPTIONS[name], items[0].value, "/etc/gw")


def fault(name: str, text: str) -> str:
    """What is said about a value that does not fit."""
    try:
        value = read(name, text)
    except ValueFault as error:
        return error.message
    raise AssertionError(f"{text} is {value!r}")


class ReadTests(TestCase):
    """Each type, with every spelling it has."""

    def test_numbers(self) -> None:
        """Bare or quoted, with a sign where a sign makes sense."""
        self.assertEqual(read("max_outbound_connections", "-1"), -1)
        self.assertEqual(read("max_outbound_connections", '"+7"'), 7)
        self.assertEqual(read("retry_interval", '"1200"'), 1200)
        self.assertEqual(read("max_retries", "AUTO"), "auto")
        self.assertEqual(read("max_retries", "5"), 5)

    def test_numbers_that_do_not_fit(self) -> None:
        """The unit and the special words are named."""
        self.assertEqual(
            fault("retry_interval", "20m"),
            'option retry_interval: "20m" is not a whole number of seconds, 0 or more;'
            " for example retry_interval = 1200",
        )
        self.assertEqual(
            fault("max_retries", "-1"),
            'option max_retries: "-1" is not a whole number, 0 or more, or one of auto,'
            ' none; for example max_retries = "auto"',
        )
        for text in ('""', '"1 "', "1.5", "0x10", "٣", "9" * 19, "--1"):
            self.assertIn("is not a whole number", fault("max_message_size", text))

    def test_numbers_that_must_not_be_nothing(self) -> None:
        """What nothing would come of, or a loop without a pause, is 1 or more."""
        for name in (
            "apn_unsettled_bytes",
            "apn_unsettled_limit",
            "connect_timeout",
            "delayed_queue_scan_interval",
        ):
            self.assertEqual(read(name, "1"), 1)
            for text in ("0", "-1", '""', "+0"):
                self.assertRegex(
                    fault(name, text),
                    r" is not a whole number( of \w+)?, 1 or more; for example",
                )
        self.assertEqual(
            fault("delayed_queue_scan_interval", "0"),
            'option delayed_queue_scan_interval: "0" is not a whole number of seconds, '
            "1 or more; for example delayed_queue_scan_interval = 15",
        )

    def test_counts(self) -> None:
        """At least one, and no more than can be meant."""
        self.assertEqual(
            [read("workers", text) for text in ("1", "1024", "AUTO")],
            [1, 1024, "auto"],
        )
        for text in ("0", "1025", "-1", "two", '""'):
            self.assertIn(
                "is not a whole number from 1 to 1024, or one of auto; for example "
                "workers = 1",
                fault("workers", text),
            )

    def test_switches(self) -> None:
        """Ten spellings in any case, and no other."""
        for words, value in ((TRUE, True), (FALSE, False)):
            for word in words:
                self.assertIs(read("enable", word.upper()), value)
        self.assertEqual(
            fault("enable", "2"),
            'option enable: "2" is not true or false (on/off, yes/no, enabled/disabled,'
            " 1/0); for example enable = true",
        )

    def test_modes(self) -> None:
        """Octal, and only with the leading 0 that says so."""
        self.assertEqual(read("file_mode", "0660"), 0o660)
        self.assertEqual(read("logmode", '"0644"'), 0o644)
        for text in ("644", "0888", "0o644", "-0644", "0644444"):
            self.assertIn(
                "is not an octal mode that begins with 0", fault("logmode", text)
            )

    def test_choices(self) -> None:
        """Any case; the words are offered."""
        self.assertEqual(read("delivery_method", '"APN"'), "apn")
        self.assertEqual(
            fault("mcmt_reception", "accept"),
            'option mcmt_reception: "accept" is not one of allow, reject, passthru;'
            ' for example mcmt_reception = "passthru"',
        )

    def test_throttles(self) -> None:
        """N per second, or N per S seconds."""
        self.assertEqual(read("outbound_throttle_messages", '"100"'), Throttle(100, 1))
        self.assertEqual(
            read("outbound_throttle_messages", "100/060"), Throttle(100, 60)
        )
        for text in ("10/0", "/5", "5/", "1/2/3", "-1", "1.5"):
            self.assertIn("is not a rate", fault("outbound_throttle_messages", text))

    def test_paths(self) -> None:
        """Relative ones belong to the folder of their file."""
        self.assertEqual(read("tls_key", "k.pem"), "/etc/gw/k.pem")
        self.assertEqual(read("logfile", '"../var//x.log"'), "/etc/var/x.log")
        self.assertEqual(read("spoolbase", "/var/spool/x/"), "/var/spool/x")
        self.assertEqual(read("tls_certificate", '"None"'), "none")
        self.assertEqual(read("logfile", "none"), "/etc/gw/none")
        for text in ('""', "jlog:///var/log/x", "syslog://x"):
            self.assertIn("is not the path of a file", fault("logfile", text))

    def test_addresses(self) -> None:
        """Either address family, or the wildcard."""
        self.assertEqual(read("bind_address", "192.0.2.1"), "192.0.2.1")
        self.assertEqual(read("bind_address", '"2001:DB8::1"'), "2001:db8::1")
        self.assertEqual(read("bind_address", '"*"'), "*")
        self.assertIn("192.0.2.0/24", fault("bind_address", "192.0.2.0/24"))
        self.assertNotIn("CIDR", fault("bind_address", "192.0.2.256"))
        self.assertIn("is not an IP address", fault("bind_address", "gw.example.com"))

    def test_networks(self) -> None:
        """Blocks and single addresses; a host name is named as the culprit."""
        self.assertEqual(
            read("relay_hosts", '( 10.0.0.0/8, "::1" 192.0.2.9 )'),
            (ip_network("10.0.0.0/8"), ip_network("::1"), ip_network("192.0.2.9")),
        )
        self.assertEqual(read("relay_hosts", "()"), ())
        self.assertIn(
            '"mx.example.com"', fault("relay_hosts", "( ::1 mx.example.com )")
        )

    def test_globs(self) -> None:
        """Lower case; the star stands in front."""
        self.assertEqual(
            read("relay_domains", '( Example.COM *.x.y "*z" )'),
            ("example.com", "*.x.y", "*z"),
        )
        for text in ("( a.*.b )", '( "" )', '( "a b" )'):
            self.assertIn("is neither a domain nor", fault("relay_domains", text))

    def test_routes(self) -> None:
        """Kept as written, but looked at."""
        routes = '( "apn://gateway.push.apple.com?port=2195" mail.example.com )'
        self.assertEqual(
            read("routes", routes),
            ("apn://gateway.push.apple.com?port=2195", "mail.example.com"),
        )
        self.assertIn(
            '"70000" is not a port', fault("routes", '( "apn://h?port=70000" )')
        )

    def test_regexes(self) -> None:
        """They must compile; what Perl has and Python has not is named."""
        self.assertEqual(read("bounce_pattern", r'"^b\d+$"'), r"^b\d+$")
        self.assertIn("is not a regular expression", fault("bounce_pattern", '"(a"'))
        self.assertIn("is not a regular", fault("exclude_vctx_conn", '( "a" "*b" )'))
        self.assertIn("uses a POSIX class", fault("bounce_pattern", '"[[:alpha:]]"'))
        self.assertIn("too large", fault("bounce_pattern", '"a{99999999999999999999}"'))

    def test_dictionaries(self) -> None:
        """Keys and values stay as they are; the last of a key holds."""
        self.assertEqual(
            read("context", '[ A = "b c" 7 = 8, a.b = d A = e ]'),
            {"A": "e", "7": "8", "a.b": "d"},
        )

    def test_shapes(self) -> None:
        """A scalar, a list and a dictionary are never taken for one another."""
        self.assertEqual(
            fault("relay_hosts", "127.0.0.1"),
            "option relay_hosts: takes a list in round brackets, not a single value;"
            ' for example relay_hosts = ( "127.0.0.0/8" "::1/128" )',
        )
        self.assertIn("takes a single value, not a list", fault("hostname", "( a )"))
        self.assertIn("not a dictionary", fault("tls_key", "[ a = b ]"))
        self.assertIn("a dictionary in square brackets", fault("context", "( a = b )"))

    def test_faults_have_the_place_of_the_value(self) -> None:
        """In a list, of the item."""
        with self.assertRaises(ValueFault) as caught:
            read("relay_hosts", "( ::1\n  x )")
        self.assertEqual((caught.exception.line, caught.exception.column), (2, 3))

    def test_every_item_that_does_not_fit(self) -> None:
        """Each has its own text and place."""
        for name, text, words in (
            ("relay_hosts", "( x\n ::1 y\n z )", ["x", "y", "z"]),
            ("routes", '( "apn://a:0"\n b "c:x" )', ["0", "x"]),
            ("relay_domains", '( "a b"\n c "d*" )', ["a b", "d*"]),
        ):
            with self.assertRaises(ValueFault) as caught:
                read(name, text)
            first = caught.exception
            faults = [first, *first.further]
            self.assertEqual(len(faults), len(words), name)
            for word, fault_of_it in zip(words, faults, strict=True):
                self.assertIn(f'"{word}"', fault_of_it.message)
            places = [(one.line, one.column) for one in faults]
            self.assertEqual(places, sorted(set(places)))

    def test_protocols(self) -> None:
        """Versions of TLS are looked at, in whatever scope they stand."""
        self.assertEqual(read("tls_protocols", '"+ALL:-TLSv1.2"'), "+ALL:-TLSv1.2")
        self.assertEqual(
            fault("tls_protocols", '"+TLSv1.1"'),
            'option tls_protocols: "+TLSv1.1" leaves neither TLSv1.2 nor TLSv1.3, and '
            'nothing older is spoken; for example tls_protocols = "+ALL"',
        )


class WriteTests(TestCase):
    """Typed values as the language writes them."""

    def test_samples(self) -> None:
        """One of each shape."""
        for name, value, text in (
            ("idle_timeout", 5, "5"),
            ("force_fsync", True, "true"),
            ("logmode", 0o644, "0644"),
            ("logmode", 0, "0000"),
            ("hostname", 'a"\\\r\n\tb', r'"a\"\\\r\n\tb"'),
            ("outbound_throttle_messages", Throttle(9, 60), '"9/60"'),
            ("outbound_throttle_messages", Throttle(9), '"9"'),
            ("relay_hosts", (ip_network("::1"),), '( "::1/128" )'),
            ("relay_hosts", (), "( )"),
            ("context", {"a": "b"}, '[ "a" = "b" ]'),
            ("max_retries", "none", '"none"'),
        ):
            self.assertEqual(write_value(OPTIONS[name], value), text)

    @readable
    @given(st.data())
    def test_what_is_written_is_read(self, data: st.DataObject) -> None:
        """Every typed value of every option reads back as itself."""
        option = data.draw(st.sampled_from(sorted(OPTIONS.values(), key=_name)))
        if option.name in OPTIONS:
            value = data.draw(values_of(option))
            self.assertEqual(read(option.name, write_value(option, value)), value)

    def test_examples_fit(self) -> None:
        """What a message offers is a valid value of its option."""
        for option in OPTIONS.values():
            name, _, text = example(option).partition(" = ")
            read(name, text)


def _name(option: Option) -> str:
    return option.name


class OtherTests(TestCase):
    """Durations and expressions."""

    def test_in_seconds(self) -> None:
        """Milliseconds end here."""
        self.assertEqual(in_seconds(5000, "milliseconds"), 5.0)
        self.assertEqual(in_seconds(5, "seconds"), 5)
        self.assertEqual(in_seconds(1, "milliseconds"), 0.001)

    def test_check_regex_ignores_case_and_searches(self) -> None:
        """As regex domains are matched."""
        self.assertTrue(check_regex(r"push\.example$").search("a.PUSH.EXAMPLE"))
        self.assertTrue(check_regex("[[x]").search("["))
