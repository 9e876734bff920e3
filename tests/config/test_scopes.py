"""Both fallback chains, by the tables of the language and against a naive look-up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.config.options import OPTIONS
from mcmtpush.config.scopes import (
    Resolved,
    compile_domain,
    is_regex,
    resolve_receiving,
    resolve_sending,
)
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.values import QueueKey
from tests.config.samples import SAMPLE, tree
from tests.support.case import TestCase, readable


def sending(text: str, option: str, group: str, binding: str, domain: str) -> Resolved:
    """One look-up in a configuration given as text."""
    return resolve_sending(tree(text), option, QueueKey(group, binding, domain))


def receiving(
    text: str, option: str, listen: str | None = None, peer: str | None = None
) -> Resolved:
    """One look-up for a client."""
    return resolve_receiving(tree(text), option, listen, peer)


def places(resolved: Resolved) -> list[tuple[str, Any]]:
    """The shadowed candidates as (scope, value)."""
    return [(scope.path(), setting.value) for scope, setting in resolved.shadowed]


class ExpirationTests(TestCase):
    """The language's own table of check values for message_expiration."""

    BASE = """
    message_expiration = 86400
    domain "e.com" { message_expiration = 120 }
    binding "x" { message_expiration = 3600 }
    """
    WITH_Y = (
        BASE
        + """
    binding "y" {
      message_expiration = 7200
      domain "e.com" { message_expiration = 86400 }
      domain "a.com" { retry_interval = 1 }
    }
    """
    )
    WITH_Z = (
        BASE
        + """
    binding "z" {
      domain "e.com" { retry_interval = 1 }
      domain "a.com" { message_expiration = 86400 }
    }
    """
    )

    def value(self, text: str, binding: str, domain: str) -> object:
        return sending(text, "message_expiration", "default", binding, domain).value

    def test_global_and_domain(self) -> None:
        """A domain beats the global scope."""
        self.assertEqual(self.value(self.BASE, "default", "other.com"), 86400)
        self.assertEqual(self.value(self.BASE, "default", "e.com"), 120)

    def test_binding_beats_domain(self) -> None:
        """A binding beats a domain that stands at top level."""
        self.assertEqual(self.value(self.BASE, "x", "e.com"), 3600)
        self.assertEqual(self.value(self.BASE, "x", "other.com"), 3600)

    def test_domain_in_binding(self) -> None:
        """A domain in the binding beats the binding, if it sets the option."""
        self.assertEqual(self.value(self.WITH_Y, "y", "e.com"), 86400)
        self.assertEqual(self.value(self.WITH_Y, "y", "a.com"), 7200)
        self.assertEqual(self.value(self.WITH_Y, "y", "other"), 7200)

    def test_binding_without_the_option(self) -> None:
        """A binding that does not set the option passes the question on."""
        self.assertEqual(self.value(self.WITH_Z, "z", "e.com"), 120)
        self.assertEqual(self.value(self.WITH_Z, "z", "a.com"), 86400)
        self.assertEqual(self.value(self.WITH_Z, "z", "other"), 86400)


class GroupTests(TestCase):
    """Binding groups, and the binding and group that nobody declared."""

    SET = """
    max_outbound_connections = 30
    binding_group "g" {
      max_outbound_connections = 5
      binding "x" {
        max_outbound_connections = 15
        domain "e.com" { retry_interval = 1 }
      }
    }
    """

    def value(self, text: str, group: str, binding: str, domain: str) -> object:
        option = "max_outbound_connections"
        return sending(text, option, group, binding, domain).value

    def test_binding_beats_group(self) -> None:
        """The language's own example: a binding in a group."""
        self.assertEqual(self.value(self.SET, "g", "x", "e.com"), 15)
        self.assertEqual(self.value(self.SET, "g", "other", "e.com"), 5)
        self.assertEqual(self.value(self.SET, "default", "outside", "e.com"), 30)

    def test_group_without_binding_value(self) -> None:
        """The same without the binding's value: the group's holds."""
        text = self.SET.replace("max_outbound_connections = 15", "")
        self.assertEqual(self.value(text, "g", "x", "e.com"), 5)

    def test_whole_order(self) -> None:
        """Every level in turn, as the levels above it are taken away."""
        levels = [
            "binding_group g { binding x { domain e.com { idle_timeout = 1 } } }",
            "binding x { domain e.com { idle_timeout = 2 } }",
            "binding_group g { domain e.com { idle_timeout = 3 } }",
            "binding_group g { binding x { idle_timeout = 4 } }",
            "binding x { idle_timeout = 5 }",
            "binding_group g { idle_timeout = 6 }",
            "domain e.com { idle_timeout = 7 }",
            "idle_timeout = 8",
        ]
        for first in range(len(levels)):
            # Reading order must not matter: the nearest level stands last.
            text = "\n".join(reversed(levels[first:]))
            found = sending(text, "idle_timeout", "g", "x", "e.com")
            self.assertEqual(found.value, first + 1)
            self.assertEqual(
                [value for _, value in places(found)], list(range(first + 2, 9))
            )

    def test_default_binding_is_for_the_unassigned(self) -> None:
        """The stanzas named default leave assigned messages alone."""
        text = """
        idle_timeout = 8
        binding_group "default" { idle_timeout = 6 }
        binding "default" { retry_interval = 7 }
        binding "x" {}
        """
        self.assertEqual(
            sending(text, "idle_timeout", "default", "default", "e.com").value, 6
        )
        self.assertEqual(
            sending(text, "retry_interval", "default", "default", "e.com").value, 7
        )
        self.assertEqual(
            sending(text, "idle_timeout", "default", "x", "e.com").value, 8
        )
        self.assertEqual(sending(text, "retry_interval", "g", "x", "e.com").value, 1200)

    def test_binding_declared_in_the_default_group(self) -> None:
        """A binding that stands in the group default falls back to it."""
        text = 'binding_group "default" { idle_timeout = 6 binding "x" {} }'
        self.assertEqual(
            sending(text, "idle_timeout", "default", "x", "e.com").value, 6
        )

    def test_names_of_bindings_have_case(self) -> None:
        """Binding X is not binding x, domain E.COM is domain e.com."""
        text = """
        binding "x" { idle_timeout = 1 }
        domain "E.com" { idle_timeout = 2 }
        """
        self.assertEqual(
            sending(text, "idle_timeout", "default", "X", "e.COM").value, 2
        )

    def test_option_not_valid_in_bindings(self) -> None:
        """Routes come from top-level domains and the global scope only."""
        text = """
        routes = ( "apn://global" )
        domain "e.com" { routes = ( "apn://domain" ) }
        binding "x" { domain "e.com" { routes = ( "apn://binding" ) } }
        """
        found = sending(text, "routes", "default", "x", "e.com")
        self.assertEqual(found.value, ("apn://domain",))
        self.assertEqual(places(found), [("global", ("apn://global",))])
        self.assertEqual(
            sending(text, "routes", "default", "x", "other").value, ("apn://global",)
        )

    def test_unknown_option(self) -> None:
        """A name that is not in the table is the caller's error."""
        with self.assertRaises(KeyError):
            sending("", "nonsense", "default", "default", "e.com")


class DefaultTests(TestCase):
    """Nothing set."""

    def test_built_in_default(self) -> None:
        """Without any setting the table's default holds, from nowhere."""
        found = sending("", "max_outbound_connections", "default", "default", "e.com")
        self.assertEqual(found, Resolved(32, None, None, ()))

    def test_zero_and_false_are_values(self) -> None:
        """What is set to 0 or false is set."""
        text = 'idle_timeout = 5 domain "e.com" { idle_timeout = 0 }'
        found = sending(text, "idle_timeout", "default", "default", "e.com")
        self.assertEqual(found.value, 0)
        self.assertEqual(places(found), [("global", 5)])

    def test_shadowed_definitions_of_one_scope(self) -> None:
        """The last definition holds, earlier ones are shadowed, latest first."""
        text = "idle_timeout = 1\nidle_timeout = 2\nidle_timeout = 3"
        found = sending(text, "idle_timeout", "default", "default", "e.com")
        self.assertEqual(found.value, 3)
        self.assertEqual([s.place.line for _, s in found.shadowed], [2, 1])
        self.assertEqual(found.setting and found.setting.place.line, 3)


class DomainTests(TestCase):
    """Exact and regex domain stanzas."""

    TEXT = """
    domain /first|both/ { max_outbound_connections = 1 }
    domain /second|both/ { max_outbound_connections = 2 idle_timeout = 20 }
    domain "both.e.com" { retry_interval = 9 }
    domain "exact.first" { max_outbound_connections = 3 }
    """

    def value(self, option: str, domain: str) -> object:
        return sending(self.TEXT, option, "default", "default", domain).value

    def test_first_regex_that_sets_the_option(self) -> None:
        """Declaration order decides between patterns, option by option."""
        self.assertEqual(self.value("max_outbound_connections", "both.e.com"), 1)
        self.assertEqual(self.value("max_outbound_connections", "second.org"), 2)
        self.assertEqual(self.value("idle_timeout", "both.e.com"), 20)

    def test_exact_beats_earlier_regex(self) -> None:
        """An exact stanza wins where it sets the option."""
        self.assertEqual(self.value("max_outbound_connections", "exact.first"), 3)

    def test_exact_inherits_from_regex(self) -> None:
        """What the exact stanza leaves open comes from a pattern."""
        self.assertEqual(self.value("retry_interval", "both.e.com"), 9)
        self.assertEqual(self.value("max_outbound_connections", "both.e.com"), 1)

    def test_search_and_case(self) -> None:
        """A pattern is searched for anywhere, whatever the case."""
        self.assertEqual(self.value("max_outbound_connections", "x.SECONDary.org"), 2)
        self.assertEqual(self.value("max_outbound_connections", "third.org"), 32)

    def test_container_by_container(self) -> None:
        """A pattern in the binding beats an exact stanza at top level."""
        text = """
        domain "e.com" { idle_timeout = 1 }
        binding "x" { domain /e/ { idle_timeout = 2 } }
        """
        self.assertEqual(
            sending(text, "idle_timeout", "default", "x", "e.com").value, 2
        )

    def test_losing_patterns_are_shadowed(self) -> None:
        """Every pattern that matches and sets the option is a candidate."""
        found = sending(
            self.TEXT, "max_outbound_connections", "default", "default", "both.org"
        )
        self.assertEqual(places(found), [('domain "/second|both/"', 2)])

    def test_name_of_a_pattern(self) -> None:
        """The name of a regex stanza asks for the stanza; no name, for none."""
        self.assertEqual(self.value("max_outbound_connections", "/second|both/"), 2)
        text = "domain /^.*$/ { idle_timeout = 1 } idle_timeout = 8"
        self.assertEqual(
            sending(text, "idle_timeout", "default", "default", "").value, 8
        )

    def test_pattern_that_does_not_compile(self) -> None:
        """A broken pattern is no pattern."""
        self.assertIsNone(compile_domain("/(/"))
        self.assertIsNotNone(compile_domain("/a/"))
        self.assertFalse(is_regex("/"))
        root = Scope("global")
        broken = Scope("domain", "/(/", Place("f", 1, 1), root)
        broken.settings["idle_timeout"] = [
            Setting(OPTIONS["idle_timeout"], 1, Place("f", 1, 1))
        ]
        root.children.append(broken)
        key = QueueKey("default", "default", "e.com")
        self.assertEqual(resolve_sending(root, "idle_timeout", key).value, 5)


class ThrottleTests(TestCase):
    """The bucket of a throttle is its setting."""

    TEXT = """
    outbound_throttle_messages = "100"
    domain /[.]e[.]com$/ { outbound_throttle_messages = "50/10" }
    domain "own.org" { outbound_throttle_messages = "100" }
    """

    def test_shared_by_reference(self) -> None:
        """Who falls back to one setting shares it; an equal one is another bucket."""
        root = tree(self.TEXT)

        def bucket(domain: str) -> object:
            key = QueueKey("default", "default", domain)
            return resolve_sending(root, "outbound_throttle_messages", key).setting

        self.assertIs(bucket("a.org"), bucket("b.org"))
        self.assertIs(bucket("a.e.com"), bucket("b.e.com"))
        self.assertIsNot(bucket("own.org"), bucket("a.org"))
        self.assertIsNot(bucket("a.e.com"), bucket("a.org"))


class ReceivingTests(TestCase):
    """Listeners, listens, peers and pathways."""

    def test_whole_order(self) -> None:
        """Every level in turn, as the levels above it are taken away."""
        levels = [
            "esmtp_listener { listen :2525 { peer 192.0.2.0/24 { %s1 } } }",
            "esmtp_listener { peer 192.0.2.9 { %s2 } }",
            "esmtp_listener { listen :2525 { %s3 } }",
            "esmtp_listener { %s4 }",
            "pathway_group pg { pathway way { %s5 } }",
            "pathway way { %s6 }",
            "pathway_group pg { %s7 }",
            "%s8",
        ]
        option = "max_receptions_per_connection"
        fixed = """
        pathway_group pg { pathway way {} }
        esmtp_listener { listen :2525 { pathway = "way" } }
        """
        for first in range(len(levels)):
            text = fixed + "\n".join(reversed(levels[first:])).replace(
                "%s", f"{option} = "
            )
            found = receiving(text, option, ":2525", "192.0.2.9")
            self.assertEqual(found.value, first + 1)
            self.assertEqual(
                [value for _, value in places(found)], list(range(first + 2, 9))
            )

    def test_narrowest_block_that_has_a_value(self) -> None:
        """The narrowest block wins, of those that set the option asked for."""
        text = """
        esmtp_listener {
          listen ":2525" {
            peer "10.0.0.0/8" { max_message_size = 1 require_ehlo = true }
            peer "10.1.2.3" { max_recipients_per_message = 5 }
            peer "10.1.0.0/16" { max_message_size = 2 }
            peer "0.0.0.0/0" { max_message_size = 3 }
          }
        }
        """

        def ask(option: str, peer: str) -> object:
            return receiving(text, option, ":2525", peer).value

        self.assertEqual(ask("max_message_size", "10.1.2.3"), 2)
        self.assertEqual(ask("max_recipients_per_message", "10.1.2.3"), 5)
        self.assertIs(ask("require_ehlo", "10.1.2.3"), True)
        self.assertEqual(ask("max_message_size", "10.9.9.9"), 1)
        self.assertEqual(ask("max_message_size", "192.0.2.1"), 3)
        self.assertEqual(ask("max_message_size", "::1"), 0)

    def test_shadowed_blocks(self) -> None:
        """All blocks that hold the client are candidates, narrowest first."""
        text = """
        esmtp_listener {
          max_message_size = 4
          peer "10.0.0.0/8" { max_message_size = 2 }
          listen ":2525" {
            max_message_size = 3
            peer "0.0.0.0/0" { max_message_size = 1 }
            peer "11.0.0.0/8" { max_message_size = 9 }
          }
        }
        """
        found = receiving(text, "max_message_size", ":2525", "10.1.2.3")
        self.assertEqual(found.value, 1)
        self.assertEqual([value for _, value in places(found)], [2, 3, 4])
        self.assertEqual(
            [scope for scope, _ in places(found)],
            [
                'esmtp_listener > peer "10.0.0.0/8"',
                'esmtp_listener > listen ":2525"',
                "esmtp_listener",
            ],
        )

    def test_spellings_of_a_listen(self) -> None:
        """The same socket in another spelling is the same listen."""
        text = 'esmtp_listener { listen "*:2525" { max_message_size = 7 } }'
        self.assertEqual(receiving(text, "max_message_size", ":2525").value, 7)
        self.assertEqual(receiving(text, "max_message_size", "[*]:2525").value, 0)
        self.assertEqual(receiving(text, "max_message_size", "nonsense").value, 0)
        self.assertEqual(receiving(text, "max_message_size", None).value, 0)

    def test_unix_client_is_loopback(self) -> None:
        """Clients of a Unix socket match blocks as 127.0.0.1."""
        text = """
        esmtp_listener {
          peer "127.0.0.1" { max_message_size = 7 }
          listen "/run/in.sock" {}
          listen ":2525" {}
        }
        """
        for peer in ("", "/run/in.sock", "192.0.2.1"):
            found = receiving(text, "max_message_size", "/run/in.sock", peer)
            self.assertEqual(found.value, 7)
        self.assertEqual(receiving(text, "max_message_size", ":2525", "").value, 0)

    def test_mapped_and_ipv6_clients(self) -> None:
        """An IPv4 client of an IPv6 socket matches IPv4 blocks."""
        text = """
        esmtp_listener {
          peer "192.0.2.0/24" { max_message_size = 7 }
          peer "2001:DB8::/32" { max_message_size = 8 }
        }
        """
        mapped = receiving(text, "max_message_size", "[*]:25", "::ffff:192.0.2.1")
        self.assertEqual(mapped.value, 7)
        native = receiving(text, "max_message_size", "[*]:25", "2001:db8::1")
        self.assertEqual(native.value, 8)

    def test_no_peer_asked(self) -> None:
        """Without a client no block takes part."""
        text = 'esmtp_listener { peer "0.0.0.0/0" { max_message_size = 7 } }'
        self.assertEqual(receiving(text, "max_message_size", ":2525").value, 0)

    def test_other_kinds_of_listener(self) -> None:
        """Each kind of listener is asked for itself."""
        text = "http_listener { idle_time = 5 } esmtp_listener { idle_time = 6 }"
        root = tree(text)
        for kind, value in (
            ("http_listener", 5),
            ("esmtp_listener", 6),
            ("control_listener", 0),
        ):
            found = resolve_receiving(root, "idle_time", None, None, kind)
            self.assertEqual(found.value, value)

    def test_listener_replaces_global(self) -> None:
        """Lists never merge across scopes."""
        text = """
        relay_hosts = ( "10.0.0.0/8" )
        esmtp_listener { relay_hosts = ( "192.0.2.1" ) }
        """
        found = receiving(text, "relay_hosts", ":2525", "10.1.1.1")
        self.assertEqual(found.value, (ip_network("192.0.2.1"),))

    def test_pathway_of_a_peer(self) -> None:
        """The pathway option goes by the chain itself."""
        text = """
        pathway "slow" { max_message_size = 1 }
        pathway "fast" { max_message_size = 2 }
        esmtp_listener {
          pathway = "slow"
          peer "10.0.0.0/8" { pathway = "fast" }
        }
        """
        self.assertEqual(
            receiving(text, "max_message_size", ":25", "10.1.1.1").value, 2
        )
        self.assertEqual(
            receiving(text, "max_message_size", ":25", "192.0.2.1").value, 1
        )

    def test_default_pathway(self) -> None:
        """Sessions without a pathway have the one named default."""
        text = """
        pathway "default" { max_message_size = 1 }
        pathway_group "default" { idle_time = 2 max_message_size = 3 }
        """
        self.assertEqual(receiving(text, "max_message_size", ":25").value, 1)
        self.assertEqual(receiving(text, "idle_time", ":25").value, 2)
        other = text + 'esmtp_listener { pathway = "other" }'
        self.assertEqual(receiving(other, "max_message_size", ":25").value, 0)


class SampleTests(TestCase):
    """What the sample with a bit of everything must come to."""

    def setUp(self) -> None:
        self.root = tree(SAMPLE, **{"/etc/mcmtpush/conf.d/empty": ""})

    def test_reception(self) -> None:
        """The context comes from the peer, the option from the listen."""

        def ask(option: str, peer: str) -> object:
            return resolve_receiving(self.root, option, ":2525", peer).value

        self.assertEqual(
            ask("context", "192.0.2.9"), {"mcmt_reception": "allow", "tag": "7"}
        )
        self.assertIsNone(ask("context", "127.0.0.1"))
        self.assertEqual(ask("mcmt_reception", "127.0.0.1"), "reject")
        self.assertEqual(ask("idle_time", "127.0.0.1"), 300)
        self.assertEqual(ask("file_mode", "127.0.0.1"), 0o660)

    def test_connections(self) -> None:
        """The pattern serves its domain and the exact stanza below it."""
        for domain, value in (
            ("push.example.net", 4),
            ("app.push.example.net", 4),
            ("other.example.net", 32),
        ):
            key = QueueKey("default", "default", domain)
            found = resolve_sending(self.root, "max_outbound_connections", key)
            self.assertEqual(found.value, value)


# -- against a naive look-up --------------------------------------------------------

GROUPS = ["g", "h", "default"]
BINDINGS = ["x", "y", "default"]
STANZAS = ["e.com", "App.e.com", "/e[.]com$/", "/^app/", "/o/"]
DOMAINS = ["e.com", "app.e.com", "other", "APPLE", ""]
ASKED = ["message_expiration", "routes", "server_max_outbound_connections"]


def naive_sending(
    written: list[tuple[tuple[tuple[str, str], ...], str, int]],
    declared: list[tuple[tuple[str, str], ...]],
    option: str,
    key: QueueKey,
) -> list[int]:
    """All candidates, best first, from a flat list of what was written.

    A path is a tuple of (kind, name) pairs; its last one is the scope itself.
    """
    group, binding = ("binding_group", key.binding_group), ("binding", key.binding)
    grouped = key.binding_group != "default" or (
        key.binding == "default" or (group, binding) in declared
    )
    order: list[tuple[tuple[str, str], ...]] = []
    order += naive_domains(declared, (group, binding), key.domain)
    order += naive_domains(declared, (binding,), key.domain)
    order += naive_domains(declared, (group,), key.domain) if grouped else []
    order += [(group, binding), (binding,)]
    order += [(group,)] if grouped else []
    order += naive_domains(declared, (), key.domain)
    order += [()]
    valid = {
        "routes": lambda path: (
            path == () or (len(path) == 1 and path[0][0] == "domain")
        ),
        "server_max_outbound_connections": lambda path: "domain" not in dict(path),
    }.get(option, lambda _path: True)
    return [
        value
        for path in order
        if valid(path)
        for where, name, value in reversed(written)
        if where == path and name == option
    ]


def naive_domains(
    declared: list[tuple[tuple[str, str], ...]],
    container: tuple[tuple[str, str], ...],
    domain: str,
) -> list[tuple[tuple[str, str], ...]]:
    """The domain stanzas of a container that match, best first."""
    inside = [
        p for p in declared if p[:-1] == container and p[-1:] and p[-1][0] == "domain"
    ]
    exact = [p for p in inside if p[-1][1].lower() == domain.lower()]
    patterns = [p for p in inside if p[-1][1].startswith("/") and domain]
    return exact + [p for p in patterns if re.search(f"(?i){p[-1][1][1:-1]}", domain)]


class SendingMachine(RuleBasedStateMachine):
    """Grows a tree scope by scope, setting by setting, and asks it."""

    @initialize()
    def start(self) -> None:
        """Begin with an empty configuration."""
        self.root = Scope("global")
        self.scopes: dict[tuple[tuple[str, str], ...], Scope] = {(): self.root}
        self.written: list[tuple[tuple[tuple[str, str], ...], str, int]] = []

    def open(self, *path: tuple[str, str]) -> None:
        """Open a scope, and what is around it, unless it is open."""
        if path in self.scopes:
            return
        self.open(*path[:-1])
        parent = self.scopes[path[:-1]]
        scope = Scope(*path[-1], Place("f", 1, 1), parent)
        parent.children.append(scope)
        self.scopes[path] = scope

    @rule(group=st.sampled_from(GROUPS), binding=st.sampled_from(BINDINGS))
    def open_binding(self, group: str, binding: str) -> None:
        """A binding in a group."""
        self.open(("binding_group", group), ("binding", binding))

    @rule(binding=st.sampled_from(BINDINGS))
    def open_outer_binding(self, binding: str) -> None:
        """A binding at top level."""
        self.open(("binding", binding))

    @rule(data=st.data(), name=st.sampled_from(STANZAS))
    def open_domain(self, data: st.DataObject, name: str) -> None:
        """A domain in any container there is."""
        containers = [p for p in self.scopes if "domain" not in dict(p)]
        self.open(*data.draw(st.sampled_from(containers)), ("domain", name))

    @rule(data=st.data(), option=st.sampled_from(ASKED))
    def put(self, data: st.DataObject, option: str) -> None:
        """Set an option somewhere, whether or not it is valid there."""
        path = data.draw(st.sampled_from(list(self.scopes)))
        value = len(self.written) + 1
        setting = Setting(OPTIONS[option], value, Place("f", value, 1))
        self.scopes[path].settings.setdefault(option, []).append(setting)
        self.written.append((path, option, value))

    @rule(
        group=st.sampled_from(GROUPS),
        binding=st.sampled_from(BINDINGS),
        domain=st.sampled_from(DOMAINS),
    )
    def ask(self, group: str, binding: str, domain: str) -> None:
        """The look-up finds what the naive one finds, in the same order."""
        key = QueueKey(group, binding, domain)
        for option in ASKED:
            found = resolve_sending(self.root, option, key)
            expected = naive_sending(self.written, list(self.scopes), option, key)
            values = [setting.value for _, setting in found.shadowed]
            if found.setting is not None:
                values.insert(0, found.setting.value)
            assert values == expected
            assert found.value == (expected or [OPTIONS[option].default])[0]


BLOCKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "127.0.0.1", "::/0"]
LISTENS = [":25", "127.0.0.1:25", "/run/in.sock"]
CLIENTS = ["10.1.2.3", "10.9.9.9", "127.0.0.1", "::1"]


def naive_receiving(
    settings: dict[tuple[str, str], int], listen: str, peer: str
) -> Iterator[int]:
    """Candidates, best first; keys are (listen or "", block or "")."""
    client = ip_address("127.0.0.1" if listen.startswith("/") else peer)
    for where in (listen, ""):
        blocks = [b for at, b in settings if at == where and b]
        held = [b for b in blocks if client in ip_network(b)]
        for block in sorted(held, key=lambda b: -ip_network(b).prefixlen):
            yield settings[where, block]
    for where in (listen, ""):
        if (where, "") in settings:
            yield settings[where, ""]


class NaiveTests(TestCase):
    """The look-ups find what a naive one finds."""

    @readable
    def test_sending(self) -> None:
        """Whatever is declared and set, in any order."""
        run_state_machine_as_test(SendingMachine)

    @readable
    @given(
        st.lists(
            st.tuples(st.sampled_from(["", *LISTENS]), st.sampled_from(["", *BLOCKS])),
            unique=True,
        ),
        st.sampled_from(LISTENS),
        st.sampled_from(CLIENTS),
    )
    def test_receiving(
        self, stanzas: list[tuple[str, str]], listen: str, peer: str
    ) -> None:
        """Whatever listens and peers there are."""
        settings = {stanza: 1 + number for number, stanza in enumerate(stanzas)}
        lines = []
        for (where, block), value in settings.items():
            inner = f"max_message_size = {value}"
            if block:
                inner = f'peer "{block}" {{ {inner} }}'
            if where:
                inner = f'listen "{where}" {{ {inner} }}'
            lines.append(f"esmtp_listener {{ {inner} }}")
        text = "\n".join(lines)
        found = receiving(text, "max_message_size", listen, peer)
        expected = list(naive_receiving(settings, listen, peer)) or [0]
        self.assertEqual(found.value, expected[0])
        self.assertEqual([value for _, value in places(found)], expected[1:])
