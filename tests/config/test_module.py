"""Modules that are missing, or switched off."""

from __future__ import annotations

from tests.config.examination import PUSH, check
from tests.support.case import TestCase


class ModuleTests(TestCase):
    """Stanzas that need one another."""

    def test_domain_without_apn(self) -> None:
        """An apn domain needs the apn stanza."""
        (line,) = check(PUSH.replace("apn {}", ""))
        self.assertTrue(line.startswith("4:3: error: "), line)
        self.assertIn('"apn {}"', line)

    def test_apn_that_is_off(self) -> None:
        """Its messages stay queued, which is a warning at the switch."""
        (line,) = check(PUSH.replace("apn {}", "apn { enabled = off }"))
        self.assertTrue(line.startswith("2:7: warning: "), line)
        self.assertIn("(enabled = false)", line)
        self.assertIn("stay queued", line)
        self.assertEqual(check("apn { enabled = false }"), [])
        again = "apn { enabled = false enabled = true }"
        self.assertEqual(check(PUSH.replace("apn {}", again)), [])

    def test_logger_without_apn(self) -> None:
        """A logger without it is a warning."""
        (line,) = check('apn_logger "main" {}')
        self.assertTrue(line.startswith("1:1: warning: "), line)
        self.assertEqual(check('apn_logger "main" {} apn {}'), [])

    def test_simulator_without_listen(self) -> None:
        """A simulator that listens nowhere is a warning."""
        (line,) = check("apns_simulator {}")
        self.assertTrue(line.startswith("1:1: warning: "), line)

    def test_feedback_without_a_file(self) -> None:
        """Routes to feedback services are of no use when nothing is to be kept."""
        route = 'apn_feedback_route = "apn://feedback?port=2196"'
        text = PUSH.replace("idle_timeout", f"{route} idle_timeout")
        [finding] = check(text)
        self.assertIn("warning: the feedback service is not polled", finding)
        self.assertTrue(finding.startswith("5:"), finding)
        self.assertEqual(check('token_events = "tokens.jsonl"' + text), [])
        self.assertEqual(len(check(f"{route}\n{text}")), 2)
