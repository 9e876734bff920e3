"""Tests: spool."""
