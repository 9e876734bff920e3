"""Tests: mcmt."""
