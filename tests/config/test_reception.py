"""What holds for a client."""

from __future__ import annotations

from ipaddress import ip_network

from mcmtpush.config.views import (
    ReceptionSettings,
    TlsServerSettings,
)
from tests.config.samples import SAMPLE, configuration
from tests.support.case import TestCase


class ReceptionTests(TestCase):
    """What holds for one client on one listen."""

    def test_defaults(self) -> None:
        """Only loopback may relay, and the host is known."""
        self.assertEqual(
            configuration("").reception(":25", "192.0.2.1"),
            ReceptionSettings(
                hostname="host.example.net",
                relay_hosts=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
            ),
        )

    def test_every_setting(self) -> None:
        """Each option arrives in its place."""
        text = """
        hostname = "configured.net" relay_domains = ( "*.E.com" )
        rfc2822_missing_headers = allow rfc2822_lone_lf_in_headers = fix
        rfc2822_lone_lf_in_body = pedantic rfc2822_trace_headers = off
        esmtp_listener { listen ":25" {
          mcmt_reception = "Allow" mcmt_push_only = false
          banner_hostname = b static_banner = "220 s" received_hostname = r
          idle_time = 1 listener_sessions = 2 service_sessions = 3
          max_receptions_per_connection = 4 max_recipients_per_connection = 5
          max_recipients_per_message = 6 max_message_size = 7
          context = [ a = 1 ] smtp_extensions = ( "SIZE 10" PIPELINING )
          relay_hosts = () relay_for_sending_domains = () open_relay = true
          require_ehlo = true allow_null_envelope_sender = false
          allow_ip_literal = false allow_trailing_whitespace_in_commands = true
          starttls_injection_policy = ignore tls_verified_peer_can_relay = true
          tls_certificate = /c tls_key = /k tls_ciphers = HIGH
          tls_protocols = "+TLSv1.2" tls_client_ca = /ca tls_verify_mode = require
          use_ssl = true
        } }
        """
        self.assertEqual(
            configuration(text).reception("*:25", "192.0.2.1"),
            ReceptionSettings(
                mcmt_reception="allow",
                mcmt_push_only=False,
                hostname="configured.net",
                banner_hostname="b",
                static_banner="220 s",
                received_hostname="r",
                idle_seconds=1,
                listener_sessions=2,
                service_sessions=3,
                max_receptions_per_connection=4,
                max_recipients_per_connection=5,
                max_recipients_per_message=6,
                max_message_size=7,
                context={"a": "1"},
                smtp_extensions=("SIZE 10", "PIPELINING"),
                relay_hosts=(),
                relay_domains=("*.e.com",),
                relay_for_sending_domains=(),
                open_relay=True,
                require_ehlo=True,
                allow_null_envelope_sender=False,
                allow_ip_literal=False,
                allow_trailing_whitespace_in_commands=True,
                rfc2822_missing_headers="allow",
                rfc2822_lone_lf_in_headers="fix",
                rfc2822_lone_lf_in_body="pedantic",
                rfc2822_trace_headers=False,
                starttls_injection_policy="ignore",
                tls_verified_peer_can_relay=True,
                tls=TlsServerSettings(
                    "/c", "/k", "HIGH", "+TLSv1.2", "/ca", "require", True
                ),
            ),
        )

    def test_context_beats_option(self) -> None:
        """The sample: the peer's context allows what the listen rejects."""
        settings = configuration(SAMPLE.replace('include "conf.d"', ""))
        inside = settings.reception(":2525", "192.0.2.9")
        outside = settings.reception(":2525", "127.0.0.1")
        self.assertEqual(inside.mcmt_reception, "allow")
        self.assertEqual(inside.context, {"mcmt_reception": "allow", "tag": "7"})
        self.assertEqual(outside.mcmt_reception, "reject")
        self.assertEqual(outside.idle_seconds, 300)

    def test_nonsense_in_the_context(self) -> None:
        """A word that is no choice leaves the option alone."""
        text = 'esmtp_listener { context = [ mcmt_reception = "maybe" ] }'
        settings = configuration(text).reception(":25", "::1")
        self.assertEqual(settings.mcmt_reception, "passthru")
