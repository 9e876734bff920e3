"""Tests: reception."""
