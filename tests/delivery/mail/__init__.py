"""Tests: mail out."""

from __future__ import annotations
