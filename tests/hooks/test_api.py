"""What policy code may import."""

from __future__ import annotations

from mcmtpush.hooks import api
from mcmtpush.hooks.api import apn_status_classifier
from tests.support.case import TestCase


class ApiTests(TestCase):
    """The promise."""

    def test_classifier(self) -> None:
        """Momentum's classes."""
        for status, kind in (
            (api.APNS_NO_ERROR, api.DELIVERY_SUCCESS),
            (api.APNS_PROCESSING_ERROR, api.DELIVERY_TEMPFAILED),
            (api.APNS_INVALID_TOKEN, api.DELIVERY_PERMFAILED),
            (api.APNS_SHUTDOWN, api.DELIVERY_TEMPFAILED),
            (255, api.DELIVERY_TEMPFAILED),
            (500, api.DELIVERY_TEMPFAILED),
        ):
            self.assertEqual(apn_status_classifier(status), kind, status)

    def test_everything_promised_exists(self) -> None:
        """`__all__` holds no name that is not there."""
        for name in api.__all__:
            self.assertTrue(hasattr(api, name), name)
