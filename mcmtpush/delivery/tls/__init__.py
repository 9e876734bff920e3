"""TLS towards a gateway: who we are, whom we believe, and the way to it."""

from __future__ import annotations
