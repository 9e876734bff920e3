"""The benchmark house: how it counts, compares and tells; not how fast it is."""

from __future__ import annotations
