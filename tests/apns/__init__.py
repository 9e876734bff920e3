"""Tests: apns."""
