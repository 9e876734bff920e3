"""Devices that are left alone for a while."""

from __future__ import annotations

from twisted.internet.task import Clock

from mcmtpush.delivery.device import KNOWN_LIMIT, Devices
from tests.support.case import TestCase


class DeviceTests(TestCase):
    """One device after a 429."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.devices = Devices(self.clock)

    def test_rests_for_its_time(self) -> None:
        """And no other device with it."""
        self.devices.add("ab", 60.0)
        self.clock.advance(20.0)
        self.assertEqual(self.devices.rest_seconds("ab"), 40.0)
        self.assertEqual(self.devices.rest_seconds("cd"), 0.0)
        self.clock.advance(40.0)
        self.assertEqual(self.devices.rest_seconds("ab"), 0.0)
        self.assertEqual(len(self.devices), 0)

    def test_a_hair_is_no_rest(self) -> None:
        """Less than a clock with the date can tell is nothing to wait for."""
        self.devices.add("ab", 60.0)
        self.clock.advance(60.0 - 1e-9)
        self.assertEqual(self.devices.rest_seconds("ab"), 0.0)

    def test_the_latest_word_counts(self) -> None:
        """A second answer begins a new rest."""
        self.devices.add("ab", 60.0)
        self.devices.add("ab", 10.0)
        self.assertEqual(self.devices.rest_seconds("ab"), 10.0)

    def test_bounded(self) -> None:
        """The first that was added is forgotten."""
        for number in range(KNOWN_LIMIT + 1):
            self.devices.add(str(number), 60.0)
        self.assertEqual(len(self.devices), KNOWN_LIMIT)
        self.assertEqual(self.devices.rest_seconds("0"), 0.0)
        self.assertEqual(self.devices.rest_seconds("1"), 60.0)
