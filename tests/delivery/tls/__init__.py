"""Tests: TLS towards gateways."""

from __future__ import annotations
