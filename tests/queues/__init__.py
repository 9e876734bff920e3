"""Tests: queues."""
