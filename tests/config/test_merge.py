"""Whole configurations: files to typed trees, and every fault at once."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.merge import read_configuration
from mcmtpush.config.tree import Place, Scope
from tests.config.samples import SAMPLE, MemoryFiles
from tests.config.strategies import (
    HOSTILE,
    Written,
    configurations,
    settings_of,
)
from tests.support.case import TestCase, readable


MAIN = "/etc/gw/gw.conf"


def read(text: str, files: Mapping[str, str] | None = None) -> tuple[Scope, list[str]]:
    """The tree of /etc/gw/gw.conf, and the findings as `line:column: …`."""
    contents = {MAIN: text} | dict(files or {})
    memory = MemoryFiles({path: text.encode() for path, text in contents.items()})
    root, errors = read_configuration(MAIN, memory)
    return root, [str(error).removeprefix(f"{MAIN}:") for error in errors]


class SampleTests(TestCase):
    """A configuration with a bit of everything."""

    def setUp(self) -> None:
        self.root, self.errors = read(
            SAMPLE, {"/etc/gw/conf.d/20": "idle_timeout = 7", "/etc/gw/conf.d/10": ""}
        )

    def test_no_findings(self) -> None:
        """It is clean."""
        self.assertEqual(self.errors, [])

    def test_every_setting(self) -> None:
        """All values, typed, in their scopes."""
        self.assertEqual(
            settings_of(self.root),
            {
                (): {
                    "hostname": ["gw1.example.net"],
                    "relay_hosts": [
                        tuple(map(ip_network, ("127.0.0.0/8", "::1", "192.0.2.0/24")))
                    ],
                    "idle_timeout": [7],
                },
                ("esmtp_listener",): {"idle_time": [300]},
                ("esmtp_listener", "peer 192.0.2.0/24"): {
                    "context": [{"mcmt_reception": "allow", "tag": "7"}]
                },
                ("esmtp_listener", "listen :2525"): {
                    "enable": [True],
                    "mcmt_reception": ["reject"],
                    "file_mode": [0o660],
                },
                (r"domain /(^|[.])push\.example\.net$/",): {
                    "max_outbound_connections": [4]
                },
                ("domain app.push.example.net",): {
                    "delivery_method": ["apn"],
                    "routes": [("apn://gateway.push.apple.com?port=2195",)],
                    "tls_certificate": ["/etc/mcmtpush/app.pem"],
                },
                ("apn_logger main",): {
                    "logmode": [0o644],
                    "logfile": ["/var/log/apnlog.ec"],
                },
            },
        )

    def test_places(self) -> None:
        """Settings and scopes know file, line and column."""
        relay = self.root.settings["relay_hosts"][0]
        self.assertEqual(relay.place, Place(MAIN, 3, 1))
        included = self.root.settings["idle_timeout"][0]
        self.assertEqual(included.place, Place("/etc/gw/conf.d/20", 1, 1))
        listener = self.root.children[0]
        self.assertEqual(listener.place, Place(MAIN, 5, 1))
        self.assertEqual(listener.children[1].place, Place(MAIN, 8, 3))
        self.assertEqual(
            listener.children[1].settings["file_mode"][0].place, Place(MAIN, 8, 55)
        )
        self.assertEqual(listener.children[1].path(), 'esmtp_listener > listen ":2525"')
        self.assertIn("apn", [child.kind for child in self.root.children])


class MergeTests(TestCase):
    """The same scope again adds up; the same option again shadows."""

    def test_scopes_add_up(self) -> None:
        """Named and anonymous ones, across files, each by its own rule of names."""
        root, errors = read(
            'domain "A.example" { idle_timeout = 1 }\n'
            'include "more"\n'
            'binding "B" { domain a.example { idle_timeout = 3 } }\n'
            "esmtp_listener { idle_time = 1 }\n"
            "ESMTP_Listener { listener_sessions = 2 peer 192.0.2.1/32 { } }\n"
            "esmtp_listener { peer 192.0.2.1 { idle_time = 3 } }\n",
            {
                "/etc/gw/more": "domain a.EXAMPLE { idle_timeout = 2 } binding b { }"
                "binding B { domain A.EXAMPLE { connect_timeout = 9 } }"
            },
        )
        self.assertEqual(errors, [])
        self.assertEqual(
            settings_of(root),
            {
                ("domain A.example",): {"idle_timeout": [1, 2]},
                ("binding B", "domain A.EXAMPLE"): {
                    "connect_timeout": [9],
                    "idle_timeout": [3],
                },
                ("esmtp_listener",): {"idle_time": [1], "listener_sessions": [2]},
                ("esmtp_listener", "peer 192.0.2.1/32"): {"idle_time": [3]},
            },
        )
        names = [(child.kind, child.name) for child in root.children]
        self.assertEqual(
            names,
            [
                ("domain", "A.example"),
                ("binding", "b"),
                ("binding", "B"),
                ("esmtp_listener", None),
            ],
        )

    def test_later_definitions_come_last(self) -> None:
        """Whole lists replace one another; all are kept with their places."""
        root, _ = read("relay_hosts = ( ::1 )\nRelay_Hosts = ( 10.0.0.0/8 )")
        settings = root.settings["relay_hosts"]
        self.assertEqual([s.place.line for s in settings], [1, 2])
        self.assertEqual(settings[-1].value, (ip_network("10.0.0.0/8"),))

    def test_relative_paths_belong_to_their_file(self) -> None:
        """Not to the main file's folder."""
        root, errors = read(
            "spoolbase = ../spool include sub/x.conf",
            {"/etc/gw/sub/x.conf": "tls_key = k.pem tls_certificate = NONE"},
        )
        self.assertEqual(errors, [])
        self.assertEqual(root.settings["spoolbase"][0].value, "/etc/spool")
        self.assertEqual(root.settings["tls_key"][0].value, "/etc/gw/sub/k.pem")
        self.assertEqual(root.settings["tls_certificate"][0].value, "none")

    @readable
    @given(configurations())
    def test_what_is_written_is_read(self, written: Written) -> None:
        """Random valid configurations in any style come back whole, without errors."""
        root, errors = read(written.text)
        self.assertEqual([e for e in errors if ": error: " in e], [])
        self.assertEqual(_comparable(settings_of(root)), _comparable(written.settings))


def _comparable(
    settings: dict[tuple[str, ...], dict[str, list[object]]],
) -> dict[tuple[str, ...], dict[str, list[object]]]:
    """Domains have no case, so their first spelling may name both."""
    found: dict[tuple[str, ...], dict[str, list[object]]] = {}
    for path, options in settings.items():
        found.setdefault(path, {}).update(options)
    return found


class IncludeTests(TestCase):
    """Files in files."""

    def test_inside_a_scope(self) -> None:
        """The content belongs to the scope the directive stands in."""
        root, errors = read(
            "domain d { readonly_include x } apn { include empty }",
            {"/etc/gw/x": "idle_timeout = 3", "/etc/gw/empty": "# nothing"},
        )
        self.assertEqual(errors, [])
        self.assertEqual(settings_of(root), {("domain d",): {"idle_timeout": [3]}})

    def test_a_folder(self) -> None:
        """In lexical order, no dot files, no subfolders."""
        root, errors = read(
            "include conf.d hostname = main",
            {
                "/etc/gw/conf.d/b": "hostname = b",
                "/etc/gw/conf.d/a": "hostname = a",
                "/etc/gw/conf.d/.c": "hostname = c",
                "/etc/gw/conf.d/sub/d": "hostname = d",
            },
        )
        self.assertEqual(errors, [])
        values = [setting.value for setting in root.settings["hostname"]]
        self.assertEqual(values, ["a", "b", "main"])

    def test_unreadable(self) -> None:
        """An error at the directive's file name; the rest is read."""
        root, errors = read("hostname = a\n include  no.conf\nidle_timeout = 3")
        self.assertEqual(
            errors,
            ['2:11: error: cannot read "/etc/gw/no.conf": No such file or directory'],
        )
        self.assertEqual(root.settings["idle_timeout"][0].value, 3)

    def test_circles(self) -> None:
        """Named with the whole circle, at the directive that closes it."""
        _, errors = read("include a", {"/etc/gw/a": "\ninclude gw.conf"})
        circle = f"{MAIN} -> /etc/gw/a -> {MAIN}"
        self.assertEqual(
            errors, [f"/etc/gw/a:2:9: error: a file that includes itself: {circle}"]
        )

    def test_a_main_file_that_is_not_there(self) -> None:
        """One error about the file as a whole."""
        root, errors = read_configuration("/no.conf", MemoryFiles({}))
        self.assertEqual(
            [str(error) for error in errors],
            ['/no.conf: error: cannot read "/no.conf": No such file or directory'],
        )
        self.assertEqual(settings_of(root), {})

    def test_many_levels_and_many_files_have_an_end(self) -> None:
        """A chain is cut by its length, a tree by its number of files."""
        tree = {f"/etc/gw/f{n}": f"include f{n + 1} " * 2 for n in range(99)}
        _, errors = read("include f0", tree)
        self.assertTrue(any("more than 50 levels deep" in e for e in errors))
        self.assertTrue(any("more than 1000 files" in e for e in errors))

    def test_local_changes_come_last(self) -> None:
        """Wherever the option stands; a file that is not there yet is no fault."""
        text = "local_changes_file = local.conf\nhostname = a"
        self.assertEqual(read(text)[1], [])
        root, errors = read(text, {"/etc/gw/local.conf": "hostname = b"})
        self.assertEqual(errors, [])
        self.assertEqual(root.settings["hostname"][-1].value, "b")
        self.assertEqual(
            root.settings["hostname"][-1].place, Place("/etc/gw/local.conf", 1, 1)
        )

    def test_local_changes_are_named_as_given(self) -> None:
        """A relative name beside a relative main file; an absolute one stays so."""
        here = posixpath.abspath("")
        files = MemoryFiles(
            {
                "d/gw.conf": b"local_changes_file = ../x/local.conf include sub/y",
                "d/sub/y": b"",
                "x/local.conf": b"hostname = b\nnope = 1\n",
                f"{here}/abs.conf": b"nope = 1",
            }
        )
        root, errors = read_configuration("d/gw.conf", files)
        self.assertEqual([(e.file, e.line) for e in errors], [("x/local.conf", 2)])
        place = root.settings["hostname"][-1].place
        self.assertEqual(place, Place("x/local.conf", 1, 1))
        files.contents["d/sub/y"] = f"local_changes_file = {here}/abs.conf".encode()
        _, errors = read_configuration("d/gw.conf", files)
        self.assertEqual([e.file for e in errors], [f"{here}/abs.conf"])
        files.contents["d/sub/y"] = b"local_changes_file = ../gw.conf"
        _, errors = read_configuration("d/gw.conf", files)
        self.assertIn("must be a file that is not read otherwise", str(errors[0]))
        files.contents["d/sub/y"] = b"local_changes_file = near"
        files.contents["d/sub/near"] = b"nope = 1"
        _, errors = read_configuration("d/gw.conf", files)
        self.assertEqual([e.file for e in errors], ["d/sub/near"])

    def test_search_path(self) -> None:
        """Folders that are told replace the main file's."""
        files = MemoryFiles(
            {MAIN: b"include d/a", "/etc/gw/d/a": b"include b", "/o/b": b"nope = 1"}
        )
        _, errors = read_configuration(MAIN, files, ("/n", "/o"))
        self.assertEqual([(e.file, e.line) for e in errors], [("/o/b", 1)])
        _, errors = read_configuration(MAIN, files)
        self.assertIn("looked for /etc/gw/d/b, /etc/gw/b", str(errors[0]))

    def test_local_changes_must_be_a_file_of_their_own(self) -> None:
        """Neither the main file nor an included one, nor a folder."""
        text = "must be a file that is not read otherwise"
        _, errors = read("local_changes_file = gw.conf")
        self.assertEqual(errors, [f"1:1: error: local_changes_file {text}"])
        _, errors = read("include x local_changes_file = x", {"/etc/gw/x": ""})
        self.assertEqual(errors, [f"1:11: error: local_changes_file {text}"])
        _, errors = read("local_changes_file = d", {"/etc/gw/d/x": ""})
        self.assertEqual(len(errors), 1)


class FindingTests(TestCase):
    """Errors and warnings, to the letter."""

    def check(
        self, text: str, expected: str, files: Mapping[str, str] | None = None
    ) -> Scope:
        """Compare the findings, one a line; the tree."""
        root, errors = read(text, files)
        self.assertEqual("".join(f"{error}\n" for error in errors), expected)
        return root

    def test_all_faults_of_all_files_at_once(self) -> None:
        """Grammar, names, places and values, in reading order."""
        self.check(
            "hostname = a b\n"
            "include x\n"
            "idel_timeout = 5\n"
            'domian "d" { idle_timeout = 5s }\n'
            "listen :25 { }\n"
            "spool_mode = 640\n",
            """\
1:14: error: "b" behind a value: put values that contain blanks in quotes
3:1: error: unknown option "idel_timeout" in the global scope: did you mean \
idle_timeout?
4:1: error: unknown scope "domian" in the global scope: did you mean domain?
4:29: error: option idle_timeout: "5s" is not a whole number of seconds, 0 or more; \
for example idle_timeout = 5
5:1: error: scope listen cannot stand in the global scope, only in apns_simulator, \
control_listener, ecstream_listener, esmtp_listener, http_listener
6:14: error: option spool_mode: "640" is not an octal mode that begins with 0; for \
example spool_mode = 0640
/etc/gw/x:1:1: error: a "=" without a name; values that contain "=" stand in quotes
/etc/gw/x:2:1: error: option enable cannot stand in the global scope, only in \
control_listener, ecstream_listener, esmtp_listener, http_listener, listen
""",
            {"/etc/gw/x": "= \nenable = true"},
        )

    def test_unknown_scope_is_not_called_without_effect(self) -> None:
        """What an unknown scope was taken for did not stand there: no word about it."""
        self.check(
            "frobnicate { a = 1 }\nsnmmp { b = 2 }\n",
            """\
1:1: error: unknown scope "frobnicate" in the global scope: did you mean replicate?
2:1: error: unknown scope "snmmp" in the global scope: did you mean snmp?
""",
        )

    def test_faulty_settings_are_left_out(self) -> None:
        """The tree holds what was understood, and nothing else."""
        root, _ = read("idle_timeout = x hostname = a apn x { } domain { } nope = 1")
        self.assertEqual(settings_of(root), {(): {"hostname": ["a"]}})
        self.assertEqual(root.children, [])

    def test_every_bad_item_of_a_list(self) -> None:
        """Each is reported where it stands, one line or several."""
        _, errors = read(
            "relay_hosts = ( x ::1 y\n z )\n"
            'domain d { routes = ( "a:0" b "apn://c:70000" ) }'
        )
        self.assertEqual(
            [error.partition(" ")[0] for error in errors],
            ["1:17:", "1:23:", "2:2:", "3:23:", "3:31:"],
        )
        self.assertTrue(all(" error: option r" in error for error in errors), errors)

    def test_faulty_settings_are_remembered(self) -> None:
        """By name, in their scope, also without a value and on a broken line."""
        root, _ = read(
            "idle_timeout = x\ndomain d {\nroutes =\nretry_interval = 5m 6 }\nnope ="
        )
        self.assertEqual(root.faulty, {"idle_timeout"})
        self.assertEqual(root.children[0].faulty, {"routes", "retry_interval"})

    def test_inert_options_warn_once(self) -> None:
        """At the first place of each."""
        self.check(
            "body_timeout = 1\ndomain d { BODY_TIMEOUT = 2\n tls = no }",
            "1:1: warning: option body_timeout has no effect in this version\n",
        )

    def test_inert_scopes_warn_for_their_content(self) -> None:
        """Their options are checked, but not reported one by one."""
        root = self.check(
            "security { user = nobody\n chroot = () }\nsecurity { }",
            """\
1:1: warning: security has no effect in this version
2:11: error: option chroot: takes a single value, not a list; for example \
chroot = /etc/mcmtpush/file
""",
        )
        self.assertEqual(root.children[0].settings["user"][0].value, "nobody")

    def test_foreign_modules_are_not_looked_into(self) -> None:
        """Their content is anybody's guess, as long as it is well formed."""
        root = self.check(
            'msgc_client { any = [ a = b ] thing "x" { } include no }',
            "1:1: warning: msgc_client has no effect in this version; its content is "
            "not checked\n",
        )
        self.assertEqual([child.kind for child in root.children], ["msgc_client"])

    def test_foreign_options_are_passed_over(self) -> None:
        """Whatever their value, wherever they stand; each name is warned of once."""
        root = self.check(
            "Adaptive_Enabled = true\ndomain d { adaptive_retry_interval = ( 1 2 )\n"
            "  dkim = [ sign = yes ] ADAPTIVE_ENABLED = off }\n"
            "security { smpp_smsc_port = 2775 }\ntls = no",
            "".join(
                f"{place}: warning: option {name} has no effect in this version; its "
                "value is not checked\n"
                for place, name in (
                    ("1:1", "adaptive_enabled"),
                    ("2:12", "adaptive_retry_interval"),
                    ("3:3", "dkim"),
                )
            )
            + "4:1: warning: security has no effect in this version\n",
        )
        self.assertEqual(list(root.settings), ["tls"])
        self.assertFalse(root.children[0].settings)

    def test_foreign_stanzas_of_domains(self) -> None:
        """One stands in domains and bindings, one has a name."""
        self.check(
            'domain d { adaptive_sweep_rule "x" { codes = ( 10 ) } }\n'
            'datasource "ram" { uri = ( "pgsql:host=h" ) }',
            "1:12: warning: adaptive_sweep_rule has no effect in this version; its "
            "content is not checked\n2:1: warning: datasource has no effect in this "
            "version; its content is not checked\n",
        )

    def test_placement(self) -> None:
        """What is accepted elsewhere than documented, and what is not."""
        root = self.check(
            "binding b {\n routes = ( h )\n domain d {\n  routes = ( h )\n"
            "  apn_expiry = 4 } }\nbinding_group g { delivery_response_timeout = 9 }",
            """\
2:2: error: option routes cannot stand in binding "b", only in domain, global
4:3: warning: option routes is ignored in a domain inside a binding: it holds in \
top-level domains and in the global scope
5:3: warning: option apn_expiry in a domain inside a binding goes beyond the \
documented language; it is honoured here
6:19: warning: option delivery_response_timeout in a binding_group goes beyond the \
documented language; it is honoured here
""",
        )
        inner = root.children[0].children[0]
        self.assertEqual(inner.settings["apn_expiry"][0].value, 4)

    def test_a_missing_brace_is_one_fault(self) -> None:
        """What stands behind it is not called misplaced."""
        _, errors = read(
            "esmtp_listener {\n listen :25 {\n  enable = on\n}\n"
            "domain d { idle_timeout = 3 }\nspoolbase = /x\n"
        )
        self.assertEqual(
            errors, ['1:1: error: the "{" of "esmtp_listener" is never closed']
        )

    def test_findings_name_the_option(self) -> None:
        """For those who read them as data."""
        text = b"body_timeout = 1 domian { } idle_timeout = x domain /(/ { } }"
        _, errors = read_configuration(MAIN, MemoryFiles({MAIN: text}))
        self.assertEqual(
            [(e.option, e.severity) for e in errors],
            [
                ("body_timeout", "warning"),
                ("domian", "error"),
                ("domain", "error"),
                ("domain", "error"),
                (None, "error"),
            ],
        )

    def test_foreign_characters_stay_on_their_line(self) -> None:
        """A finding is one line, whatever was written."""
        _, errors = read(
            'listen "a\nb\x1b" { } "x\ny" = 1\nesmtp_listener { peer "\r" {} }'
        )
        for error in errors:
            self.assertTrue(error.isprintable(), error)
        self.assertEqual(len(errors), 5, errors)


class HostileTests(TestCase):
    """Whatever is fed, something sensible comes back."""

    def check(self, data: bytes) -> None:
        """It ends, and every finding is one printable line with a place."""
        root, errors = read_configuration(MAIN, MemoryFiles({MAIN: data}))
        self.assertEqual(root.kind, "global")
        lines = data.count(b"\n") + 1
        for error in errors:
            self.assertTrue(str(error).isprintable())
            self.assertLessEqual(1, error.line)
            self.assertLessEqual(error.line, lines)
            self.assertLessEqual(1, error.column)

    @readable
    @given(HOSTILE)
    def test_any_text(self, text: str) -> None:
        """No text raises."""
        self.check(text.encode("utf-8", "surrogatepass"))

    @readable
    @given(st.binary())
    def test_any_bytes(self, data: bytes) -> None:
        """No bytes raise."""
        self.check(data)

    @readable
    @given(configurations(), st.data())
    def test_valid_text_with_a_piece_missing(
        self, written: Written, data: st.DataObject
    ) -> None:
        """Nor does what once was valid."""
        text = written.text
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        self.check((text[:start] + text[end:]).encode())

    def test_every_truncation_of_the_sample(self) -> None:
        """A file cut anywhere is read up to there."""
        for end in range(len(SAMPLE)):
            self.check(SAMPLE[:end].encode())

    def test_deep_nesting(self) -> None:
        """Neither braces nor brackets exhaust the stack."""
        for text in ("domain d {" * 9999, "(" * 9999, "a = (" * 9999, "[" * 9999):
            self.check(text.encode())
        self.check(("include gw.conf " * 3 + "domain d {" * 49).encode())
