"""Mail out: which hosts, the conversation with one of them, and the lane over all."""

from __future__ import annotations
