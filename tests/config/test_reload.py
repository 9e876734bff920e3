"""What another reading of the files changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.options import OPTIONS, Option
from mcmtpush.config.reload import needs_restart, poll_terms, same_way_out
from mcmtpush.config.settings import Configuration
from mcmtpush.config.units import write_value
from mcmtpush.values import QueueKey
from tests.config.samples import MAIN, SAMPLE, tree
from tests.config.strategies import Written, configurations, values_of
from tests.support.case import TestCase, readable


KEY = QueueKey("default", "default", "e.com")

FIXED = [o for o in OPTIONS.values() if o.implemented and not o.dynamic]
HOLDERS = {
    "global": "{}",
    "listen": 'esmtp_listener {{ listen ":25" {{ {} }} }}',
    "apn_logger": 'apn_logger "main" {{ {} }}',
    "apns_simulator": 'apns_simulator {{ listen ":1" {{}} {} }}',
}
"""Where an option may stand that needs a restart; a listen before its listener."""


NEW = "it is new"
GONE = "until then it goes on"


def restarts(before: str, after: str) -> list[str]:
    """The warnings, as an operator sees them."""
    running, read = (Configuration(tree(text)) for text in (before, after))
    found = needs_restart(running, read)
    assert all(finding.severity == "warning" for finding in found)
    return [str(finding).removeprefix(MAIN) for finding in found]


class RestartTests(TestCase):
    """What a running program does not follow."""

    @readable
    @given(st.data(), st.sampled_from([o for o in FIXED if o.name != "enable"]))
    def test_every_fixed_option(self, data: st.DataObject, option: Option) -> None:
        """Each option that needs a restart is named where it stands, and back."""
        kind = next(kind for kind in ("listen", *HOLDERS) if kind in option.scopes)
        value = data.draw(values_of(option))
        told = f"{option.name} = {write_value(option, value)}"
        holder = HOLDERS[kind]
        with_it, without = holder.format(f"\n{told}"), holder.format("")
        expected = [] if value == option.default else [option.name]
        for before, after, place in (
            (without, with_it, ":2:1"),
            (with_it, without, ""),
        ):
            found = restarts(before, after)
            self.assertEqual([self.named(each) for each in found], expected)
            self.assertTrue(
                all(each.startswith(f"{place}: w") for each in found), found
            )

    def named(self, finding: str) -> str:
        return finding.partition("warning: ")[2].partition(" needs")[0]

    def test_text(self) -> None:
        """One line: where it stands now, and what holds until the restart."""
        self.assertEqual(
            restarts('spoolbase = "/a"', '\n spoolbase = "/b"'),
            [':2:2: warning: spoolbase needs a restart: until then it is "/a"'],
        )
        self.assertEqual(
            restarts("spool_mode = 0600", ""),
            [": warning: spool_mode needs a restart: until then it is 0600"],
        )
        self.assertEqual(
            restarts("", "token_events = /t.jsonl"),
            [":1:1: warning: token_events needs a restart: until then it is no value"],
        )

    def test_stanzas(self) -> None:
        """Listens, loggers and the simulator come and go by a restart."""
        listener = "esmtp_listener {{ {} }}"
        at_25 = listener.format('listen ":25" {}')
        listen = "esmtp_listener > listen"
        for before, after, expected in (
            ("", 'apn_logger "b" {}', [('apn_logger "b"', NEW)]),
            ('apn_logger "b" {}', "", [('apn_logger "b"', GONE)]),
            (
                'apn_logger "b" {}',
                'apn_logger "b" { enabled = no }',
                [("enabled", "until then it is true")],
            ),
            (
                'apns_simulator { listen ":1" {} }',
                "apns_simulator { enabled = no }",
                [("apns_simulator", GONE), ('apns_simulator > listen ":1"', GONE)],
            ),
            (
                at_25,
                listener.format('listen ":26" {}'),
                [(f'{listen} ":25"', GONE), (f'{listen} ":26"', NEW)],
            ),
            (
                at_25,
                listener.format('listen "*:25" { enable = no }'),
                [(f'{listen} ":25"', GONE)],
            ),
        ):
            found = [text.partition("warning: ")[2] for text in restarts(before, after)]
            lines = [f"{what} needs a restart: {why}" for what, why in expected]
            self.assertEqual(found, lines)

    def test_same_value_elsewhere(self) -> None:
        """Only what holds counts: not where it is said, nor how."""
        listener = 'esmtp_listener {{ {} listen "{}" {{ {} }} }} {}'
        for before, after in (
            ('spoolbase = "/var/spool/ecelerity"', ""),
            (listener.format("file_mode = 0600", ":25", "", ""),
             listener.format("", "*:25", "file_mode = 0600", "")),
            (listener.format("", ":25", "disable_nagle_algorithm = on", ""),
             listener.format("", ":25", "", "disable_nagle_algorithm = yes")),
            (SAMPLE.replace('include "conf.d"', ""),
             "\n" + SAMPLE.replace('include "conf.d"', "hostname = gw2.example.net")),
        ):  # fmt: skip
            self.assertEqual(restarts(before, after), [])

    @readable
    @given(configurations())
    def test_nothing_changed(self, written: Written) -> None:
        """The same files read twice need nothing."""
        self.assertEqual(restarts(written.text, written.text), [])


class WayOutTests(TestCase):
    """Whether a lane can go on."""

    def same(self, before: str, after: str, key: QueueKey = KEY) -> bool:
        one, two = (Configuration(tree(text), "host") for text in (before, after))
        return same_way_out(one, two, key)

    def test_goes_on(self) -> None:
        """Whatever does not concern this queue's connections."""
        for before, after in (
            ("retry_interval = 1", "retry_interval = 2 suspend_delivery = on"),
            ("", 'domain "f.com" { idle_timeout = 3 }'),
            ("idle_timeout = 5", 'domain "e.com" { idle_timeout = 5 }'),
            ("outbound_throttle_messages = 7", "\n outbound_throttle_messages = 7/1"),
            ("blackhole = inline", ""),
        ):
            self.assertTrue(self.same(before, after), after)

    def test_another_one(self) -> None:
        """What connections are made with, and what they are counted by."""
        for before, after in (
            ("idle_timeout = 5", "idle_timeout = 6"),
            ("", 'domain "e.com" { delivery_method = "apn" }'),
            ("", 'routes = ( "apn://a?port=1" )'),
            ("", "apn_expiry = 60"),
            ("", "tls_certificate = /a.pem"),
            ("", "blackhole = internal"),
            ("", "hostname = other.example"),
            ("outbound_throttle_messages = 7", "outbound_throttle_messages = 8"),
            ("outbound_throttle_messages = 7",
             'domain "e.com" { outbound_throttle_messages = 7 }'),
        ):  # fmt: skip
            self.assertFalse(self.same(before, after), after)

    def test_polls(self) -> None:
        """A poller needs to be replaced for what it was told, nothing else."""

        def terms(text: str) -> object:
            return poll_terms(Configuration(tree(text)).delivery(KEY))

        plain = 'apn_feedback_route = "apn://f?port=2"'
        self.assertEqual(terms(plain), terms(plain + " max_outbound_connections = 7"))
        for more in ("apn_feedback_interval = 7", "tls_verify = host"):
            self.assertNotEqual(terms(plain), terms(f"{plain} {more}"), more)
