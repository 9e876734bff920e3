"""The table of hooks."""

from __future__ import annotations

from mcmtpush.hooks.points import POINTS, remarks, usable
from tests.support.case import TestCase


_CALL = "in registerModule call"


class PointsTests(TestCase):
    """Names, stop rules, and what is said of others."""

    def test_stop_rules(self) -> None:
        """0, false and nothing go on; anything else stops; dispose asks all."""
        for hook in ("apn_request_eval", "apn_response_eval"):
            stops = POINTS[hook].stops
            for returned, expected in (
                (None, False), (0, False), (0.0, False), (False, False),
                (1, True), (1.0, True), (True, True), ("0", True),
            ):  # fmt: skip
                self.assertIs(stops(returned), expected, (hook, returned))
        for returned in (None, 0, 1, True):
            self.assertFalse(POINTS["generic_delivery_msg_dispose"].stops(returned))
            self.assertFalse(POINTS["deinit"].stops(returned))

    def test_init_wants_true(self) -> None:
        """As Momentum does: nothing, and 1, are failures."""
        stops = POINTS["init"].stops
        self.assertFalse(stops(True))
        for returned in (None, False, 0, 1, "true"):
            self.assertTrue(stops(returned), returned)

    def test_usable_in_order(self) -> None:
        """Hooks among other names, in the order of the table."""
        names = ["help", "deinit", "apn_response_eval", "init"]
        self.assertEqual(usable(names), ["init", "deinit", "apn_response_eval"])

    def test_remarks(self) -> None:
        """What Momentum would call is named; helpers are nobody's business."""
        names = ["apn_request_eval", "validate_data", "core_final_validation", "helper"]
        self.assertEqual(
            remarks("night", "push", names),
            [
                'script "night": core_final_validation is not called by this version',
                'script "night": validate_data is not called by this version',
            ],
        )

    def test_nothing_usable(self) -> None:
        """Said in Momentum's words."""
        self.assertEqual(
            remarks("night", "push", ["helper"]),
            [f'script "night": no usable methods found for module push {_CALL}'],
        )
