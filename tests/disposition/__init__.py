"""Tests: disposition."""
