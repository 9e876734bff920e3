"""The retry schedule, held against the manual's own sums."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import QueueSettings
from mcmtpush.disposition.schedule import delay_before, retry_limit
from tests.support.case import TestCase, readable


DEFAULTS = QueueSettings()


def delays(settings: QueueSettings, count: int) -> list[int]:
    return [
        delay_before(
            retry,
            settings.retry_interval_seconds,
            settings.max_retry_interval_seconds,
        )
        for retry in range(1, count + 1)
    ]


class DelayBeforeTests(TestCase):
    def test_doubles_up_to_the_cap(self) -> None:
        """The delays of the built-in settings, one by one."""
        self.assertEqual(
            delays(DEFAULTS, 8),
            [1200, 2400, 4800, 9600, 19200, 38400, 43200, 43200],
        )

    def test_five_retries_take_37200_seconds(self) -> None:
        """The manual's total without an effective cap."""
        self.assertEqual(sum(delays(DEFAULTS, 5)), 37200)

    def test_five_capped_retries_take_6000_seconds(self) -> None:
        """The manual's total with the cap at the interval."""
        capped = evolve(DEFAULTS, max_retry_interval_seconds=1200)
        self.assertEqual(sum(delays(capped, 5)), 6000)

    def test_a_cap_below_the_interval_holds(self) -> None:
        """The cap is a cap already for the first retry."""
        self.assertEqual(delay_before(1, 1200, 60), 60)

    def test_the_millionth_retry_costs_nothing(self) -> None:
        """Doubling stops long before the numbers grow long."""
        self.assertEqual(delay_before(10**6, 1, 43200), 43200)


class RetryLimitTests(TestCase):
    def test_numbers_and_none(self) -> None:
        """A number is the limit, zero included; `none` leaves it to the age."""
        for configured, limit in ((0, 0), (5, 5), ("none", None)):
            settings = evolve(DEFAULTS, max_retries=configured)
            self.assertEqual(retry_limit(settings), limit)

    def test_auto_written_out(self) -> None:
        """(expiration, interval, cap) and the retries that fit."""
        for expiration, interval, cap, limit in (
            (86400, 1200, 43200, 6),  # 75600 fit, 118800 do not
            (604800, 1200, 43200, 18),  # 75600 and twelve times 43200
            (86400, 1200, 1200, 72),
            (37200, 1200, 43200, 5),  # exactly
            (37199, 1200, 43200, 4),
            (1199, 1200, 43200, 0),
            (0, 1200, 43200, 0),
            (3600, 7200, 3600, 1),
        ):
            settings = QueueSettings(
                message_expiration_seconds=expiration,
                retry_interval_seconds=interval,
                max_retry_interval_seconds=cap,
            )
            self.assertEqual(retry_limit(settings), limit, settings)

    def test_auto_without_a_delay_has_no_number(self) -> None:
        """Any number of retries without delays fits any age."""
        for change in (
            {"retry_interval_seconds": 0},
            {"max_retry_interval_seconds": 0},
        ):
            self.assertIsNone(retry_limit(evolve(DEFAULTS, **change)))

    @readable
    @given(st.integers(0, 9999), st.integers(1, 500), st.integers(1, 2000))
    def test_auto_is_the_greatest_number_that_fits(
        self, expiration: int, interval: int, cap: int
    ) -> None:
        """So many delays add up to the expiration at most, and one more do not."""
        settings = QueueSettings(
            message_expiration_seconds=expiration,
            retry_interval_seconds=interval,
            max_retry_interval_seconds=cap,
        )
        limit = retry_limit(settings)
        assert limit is not None
        total = sum(delays(settings, limit + 1))
        self.assertGreater(total, expiration)
        self.assertLessEqual(total - delays(settings, limit + 1)[-1], expiration)
