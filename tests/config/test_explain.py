"""Questions to a configuration, and how they are answered."""

from __future__ import annotations

import json

from mcmtpush.config.explain import (
    Explanation,
    Query,
    QueryError,
    explain,
    overruled,
    parse_query,
    undeclared,
)
from mcmtpush.config.options import OPTIONS
from tests.config.samples import MAIN, tree
from tests.support.case import TestCase


TEXT = """\
idle_timeout = 8
idle_timeout = 9
outbound_throttle_messages = "100/60"
hostname = "gw"
binding_group "g" {
  idle_timeout = 6
  binding "x" { domain "e.com" { idle_timeout = 1 } }
}
binding "top" { idle_timeout = 4 }
domain "e.com" {
  idle_timeout = 7 delivery_response_timeout = 2500
  routes = ( "apn://a" "apn://b" )
}
esmtp_listener {
  listen ":2525" {
    file_mode = 0600
    context = [ a = "1" ]
    peer "192.0.2.0/24" { mcmt_reception = "allow" relay_hosts = ( 10.0.0.0/8 ) }
  }
}
http_listener { listen ":80" { idle_time = 5 } }
apn { enabled = false }
apn_logger "main" { logfile = /l/main }
"""


def ask(words: str, text: str = TEXT) -> Explanation:
    """The answer to a question of words separated by blanks."""
    return explain(tree(text), parse_query(words.split(" ")))


class QueryTests(TestCase):
    """The grammar of questions."""

    def test_whole_grammar(self) -> None:
        """Every part, in its order, keywords in any case."""
        self.assertEqual(parse_query(["opt"]), Query("opt"))
        self.assertEqual(
            parse_query(["binding_group", "g", "BINDING", "b", "domain", "d", "opt"]),
            Query("opt", binding_group="g", binding="b", domain="d"),
        )
        self.assertEqual(
            parse_query(["Listen", ":25", "peer", "::1", "opt"]),
            Query("opt", listen=":25", peer="::1"),
        )
        self.assertEqual(
            parse_query(["domain", "domain", "opt"]), Query("opt", domain="domain")
        )

    def test_refused_questions(self) -> None:
        """What is no question is told how one looks."""
        for words, text in {
            "": "name an option",
            "host e.com opt": '"host" is none of',
            "domain opt": "names no instance or no option",
            "domain d binding b opt": "wrong place",
            "domain d domain e opt": "wrong place",
            "peer 192.0.2.1 opt": "peer needs the listen",
            "listen :25 peer localhost opt": "not an IP address",
            "domain d listen :25 opt": "listen does not go with",
            "binding b listen :25 opt": "listen does not go with",
        }.items():
            with self.assertRaises(QueryError, msg=words) as caught:
                parse_query(words.split())
            self.assertIn(text, str(caught.exception))
        with self.assertRaisesRegex(QueryError, "empty"):
            parse_query(["domain", "", "opt"])


class SendingTests(TestCase):
    """Questions about the way out."""

    def test_each_place(self) -> None:
        """Whoever is named, is asked for."""
        for words, value in {
            "idle_timeout": 9,
            "domain e.com idle_timeout": 7,
            "domain E.COM idle_timeout": 7,
            "domain other idle_timeout": 9,
            "binding top idle_timeout": 4,
            "binding top domain e.com idle_timeout": 4,
            "binding_group g idle_timeout": 6,
            "binding_group g domain e.com idle_timeout": 6,
            "binding_group g binding x idle_timeout": 6,
            "binding_group g binding x domain e.com idle_timeout": 1,
            "binding x domain e.com idle_timeout": 1,
            "domain e.com connect_timeout": 300,
        }.items():
            self.assertEqual(ask(words).resolved.value, value, words)

    def test_text(self) -> None:
        """Value, unit, source, and what is shadowed, nearest first."""
        self.assertEqual(
            ask("binding x domain e.com IDLE_TIMEOUT").text(),
            "idle_timeout = 1 seconds\n"
            '  set in binding_group "g" > binding "x" > domain "e.com" '
            f"at {MAIN}:7\n"
            f'  shadows 6 seconds of binding_group "g" at {MAIN}:6\n'
            f'  shadows 7 seconds of domain "e.com" at {MAIN}:11\n'
            f"  shadows 9 seconds of global at {MAIN}:2\n"
            f"  shadows 8 seconds of global at {MAIN}:1",
        )

    def test_text_of_a_default(self) -> None:
        """A default says that it is one; no default, that nothing is set."""
        self.assertEqual(
            ask("domain other max_retries").text(),
            'max_retries = "auto"\n  the built-in default',
        )
        self.assertEqual(
            ask("domain other routes").text(),
            "routes = (not set)\n  the built-in default",
        )

    def test_password(self) -> None:
        """What a proxy is told in confidence is not shown."""
        for name in ("apn_proxy", "domain e.com apn_proxy"):
            text = 'apn_proxy = "http://u:s3cret@old:1"\ndomain "e.com" {'
            text += 'apn_proxy = "http://u:s3cret@h:2"\n}'
            answer = ask(name, text)
            said = answer.text() + str(answer.data()) + repr(answer)
            self.assertIn('"http://u:…@old:1"', said)
            self.assertNotIn("s3cret", said)

    def test_data(self) -> None:
        """The names in JSON."""
        self.assertEqual(
            ask("binding_group g idle_timeout").data(),
            {
                "option": "idle_timeout",
                "value": 6,
                "unit": "seconds",
                "source": {"scope": 'binding_group "g"', "file": MAIN, "line": 6},
                "shadowed": [
                    {"scope": "global", "file": MAIN, "line": 2, "value": 9},
                    {"scope": "global", "file": MAIN, "line": 1, "value": 8},
                ],
            },
        )

    def test_data_of_a_default(self) -> None:
        """A default has no source."""
        self.assertEqual(
            ask("tls_certificate").data(),
            {
                "option": "tls_certificate",
                "value": None,
                "unit": None,
                "source": None,
                "shadowed": [],
            },
        )

    def test_units_are_those_of_the_file(self) -> None:
        """Milliseconds stay milliseconds."""
        data = ask("domain e.com delivery_response_timeout").data()
        self.assertEqual((data["value"], data["unit"]), (2500, "milliseconds"))

    def test_binding_in_two_groups(self) -> None:
        """A binding named alone must be a single one."""
        text = "binding_group a { binding x {} } binding_group b { binding x {} }"
        with self.assertRaisesRegex(QueryError, "in the groups a, b: say which"):
            ask("binding x idle_timeout", text)

    def test_undeclared_names(self) -> None:
        """What no stanza names is noted; domains need no stanza."""
        root = tree(TEXT)
        for words, notes in {
            "domain nowhere idle_timeout": [],
            "binding x idle_timeout": [],
            "binding top idle_timeout": [],
            "binding_group g binding x idle_timeout": [],
            "binding_group default binding default idle_timeout": [],
            "binding y idle_timeout": ['binding "y"'],
            "binding_group h binding top idle_timeout": ['binding_group "h"'],
            "listen *:2525 idle_time": [],
            "listen :80 idle_time": [],
            "listen :99 idle_time": ['listen ":99"'],
        }.items():
            query = parse_query(words.split())
            self.assertEqual(list(undeclared(root, query)), notes, words)

    def test_context_that_beats_the_option(self) -> None:
        """A note says which word holds where the context has one."""
        text = """
        esmtp_listener {
          peer "192.0.2.0/24" { context = [ mcmt_reception = "ALLOW" ] }
          listen ":2525" { mcmt_reception = "reject" context = [ tag = 7 ] }
        }"""
        root = tree(text)
        for words, note in {
            "listen :2525 peer 192.0.2.9 MCMT_Reception": (
                '"allow" holds all the same: it is in the context set in '
                f'esmtp_listener > peer "192.0.2.0/24" at {MAIN}:3'
            ),
            "listen :2525 peer 192.0.2.9 context": None,
            "listen :2525 peer 127.0.0.1 mcmt_reception": None,
            "mcmt_reception": None,
            "apn.enabled": None,
        }.items():
            self.assertEqual(overruled(root, parse_query(words.split())), note, words)


class ReceivingTests(TestCase):
    """Questions about the way in."""

    def test_listen_of_the_simulator(self) -> None:
        """The simulator has listens, too; those of a listener go first."""
        text = """
        esmtp_listener { listen ":25" { listen_backlog = 1 } }
        apns_simulator { listen ":2195" { listen_backlog = 7 } }"""
        words = "listen *:2195 listen_backlog"
        self.assertEqual(ask(words, text).resolved.value, 7)
        self.assertEqual(list(undeclared(tree(text), parse_query(words.split()))), [])
        self.assertEqual(ask("listen :25 listen_backlog", text).resolved.value, 1)
        self.assertEqual(ask("listen_backlog", text).resolved.value, 500)

    def test_unix_socket(self) -> None:
        """Its clients count as loopback, so that peers take part unnamed."""
        text = """
        esmtp_listener { listen "/run/s" {
          idle_time = 2
          peer "127.0.0.0/8" { idle_time = 3 }
          peer "192.0.2.0/24" { idle_time = 4 }
        } }"""
        self.assertEqual(ask("listen /run/s idle_time", text).resolved.value, 3)

    def test_peer(self) -> None:
        """A client in a block is asked for through its listen."""
        words = "listen :2525 peer 192.0.2.9 mcmt_reception"
        self.assertEqual(ask(words).resolved.value, "allow")
        self.assertEqual(ask("listen :2525 mcmt_reception").resolved.value, "passthru")

    def test_kind_of_listener(self) -> None:
        """The listen says through which kind of listener the question goes."""
        self.assertEqual(ask("listen :80 idle_time").resolved.value, 5)
        self.assertEqual(ask("listen :2525 idle_time").resolved.value, 0)

    def test_listen_not_named(self) -> None:
        """Without a listen the listener itself is asked."""
        text = (
            "esmtp_listener { idle_time = 4 }\nhttp_listener { max_request_size = 3 }"
        )
        self.assertEqual(ask("idle_time", text).resolved.value, 4)
        self.assertEqual(ask("max_request_size", text).resolved.value, 3)

    def test_shapes(self) -> None:
        """Values as the language writes them, and as JSON has them."""
        for words, shown, value in (
            ("listen :2525 file_mode", "0600", "0600"),
            ("listen :2525 context", '[ "a" = "1" ]', {"a": "1"}),
            ("listen :2525 enable", "true", True),
            (
                "listen :2525 peer 192.0.2.1 relay_hosts",
                '( "10.0.0.0/8" )',
                ["10.0.0.0/8"],
            ),
            ("domain e.com routes", '( "apn://a" "apn://b" )', ["apn://a", "apn://b"]),
            ("outbound_throttle_messages", '"100/60"', "100/60"),
        ):
            answer = ask(words)
            self.assertIn(f" = {shown}\n", answer.text() + "\n")
            self.assertEqual(answer.data()["value"], value)

    def test_every_default_is_data(self) -> None:
        """Every option of the table can be asked for and written as JSON."""
        root = tree("")
        for name, option in OPTIONS.items():
            answer = explain(root, Query(name))
            self.assertEqual(answer.option, option)
            self.assertEqual(answer.resolved.value, option.default)
            self.assertEqual(json.loads(json.dumps(answer.data()))["source"], None)
            self.assertIn("built-in default", answer.text())


class MisplacedTests(TestCase):
    """Options that are not set for what was named."""

    def test_refused(self) -> None:
        """The answer says where the option is set."""
        for words, text in {
            "domain e.com mcmt_reception": "mcmt_reception is not set for a binding",
            "listen :2525 retry_interval_": 'did you mean "retry_interval"?',
            "listen :2525 logfile": "not set for a listen, but in apn_logger",
            "nothing_like_it": 'there is no option "nothing_like_it"',
            "Adaptive_Enabled": "adaptive_enabled has no effect in this version",
        }.items():
            with self.assertRaises(QueryError, msg=words) as caught:
                ask(words)
            self.assertIn(text, str(caught.exception))

    def test_global_options_everywhere(self) -> None:
        """What stands in the global scope only holds for everybody."""
        for words in ("hostname", "domain e.com hostname", "listen :2525 hostname"):
            self.assertEqual(ask(words).resolved.value, "gw")


class ModuleTests(TestCase):
    """Options of modules."""

    def test_by_instance(self) -> None:
        """The only instance needs no name; otherwise module:instance.option."""
        for words in ("logfile", "apn_logger.logfile", "apn_logger:main.logfile"):
            self.assertEqual(ask(words).resolved.value, "/l/main", words)
        two = TEXT + 'apn_logger "b.ec" { logfile = /l/b }'
        self.assertEqual(ask("apn_logger:b.ec.logfile", two).resolved.value, "/l/b")
        with self.assertRaisesRegex(
            QueryError, "apn_logger:main.logfile or apn_logger:b.ec.logfile"
        ):
            ask("logfile", two)

    def test_option_of_several_modules(self) -> None:
        """An option of several modules is asked for with its module."""
        self.assertIs(ask("apn.enabled").resolved.value, False)
        self.assertIs(ask("apn_logger.enabled").resolved.value, True)
        with self.assertRaisesRegex(QueryError, "apn.enabled or apn_logger:main"):
            ask("enabled")

    def test_namesakes(self) -> None:
        """A module's option may have a namesake elsewhere."""
        self.assertEqual(ask("apn_logger.concurrency").resolved.value, 1)
        self.assertEqual(ask("concurrency").resolved.value, 0)

    def test_wrong_module(self) -> None:
        """An option of another module, and a module that is none."""
        for words in ("apn.logfile", "nonsense.logfile"):
            with self.assertRaisesRegex(QueryError, "but in apn_logger"):
                ask(words)
