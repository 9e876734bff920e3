"""Bars with their spread, as SVG text: enough for a page, and no library."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from attrs import frozen

from bench.run import text


WIDTH, LEFT, RIGHT, ROW, TOP = 720, 170, 130, 30, 46
OURS, OTHERS = "#1f6fb2", "#9aa5b1"


@frozen
class Bar:
    """One row: a median and the least and greatest beside it."""

    name: str
    median: float
    least: float
    greatest: float
    ours: bool = False


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """A chart of horizontal bars from zero; the line across a bar is its spread."""
    height = TOP + ROW * len(rows) + 12
    most = max([row.greatest for row in rows] + [1e-9])
    scale = (WIDTH - LEFT - RIGHT) / most
    box = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    font = 'font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _label(12, 24, title, 'font-size="15" font-weight="bold"'),
        _label(WIDTH - 12, 24, unit, 'text-anchor="end" fill="#555"'),
    ]
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * number, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Bar, top: int, scale: float) -> list[str]:
    middle = top + ROW / 2
    least, greatest = (LEFT + value * scale for value in (row.least, row.greatest))
    return [
        _label(LEFT - 8, middle + 4.5, row.name, 'text-anchor="end"'),
        (
            f'<rect x="{LEFT}" y="{top + 5}" width="{row.median * scale:.1f}" '
            f'height="{ROW - 10}" fill="{OURS if row.ours else OTHERS}"/>'
        ),
        (
            f'<path d="M{least:.1f} {middle:.1f}H{greatest:.1f}M{least:.1f} '
            f'{middle - 4:.1f}v8M{greatest:.1f} {middle - 4:.1f}v8" '
            'stroke="#222" fill="none"/>'
        ),
        _label(greatest + 8, middle + 4.5, text(row.median)),
    ]


def _label(x: float, y: float, content: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(content)}</text>'
