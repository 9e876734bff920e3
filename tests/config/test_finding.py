"""Findings: order, strictness, shapes."""

from __future__ import annotations

from mcmtpush.config.finding import (
    about,
    as_data,
    has_errors,
    in_order,
    stricter,
    summary,
)
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.errors import ConfigError
from tests.support.case import TestCase


def finding(file: str, line: int, severity: str = "error") -> ConfigError:
    """One finding."""
    return ConfigError("m", file, line, 1, "o", severity)  # type: ignore[arg-type]


class FindingTests(TestCase):
    def test_about(self) -> None:
        """A finding has the place and name of what it is about, on one line."""
        setting = Setting(OPTIONS["routes"], (), Place("f", 3, 5))
        self.assertEqual(
            str(about(setting, "bad\nthing")), "f:3:5: error: bad\\x0athing"
        )
        self.assertEqual(about(setting, "m").option, "routes")
        scope = Scope("listen", ":25", Place("f", 4, 1))
        self.assertEqual(str(about(scope, "m", "warning")), "f:4:1: warning: m")
        self.assertEqual(about(scope, "m").option, "listen")

    def test_order(self) -> None:
        """The main file first, each from top to bottom, nothing twice."""
        found = in_order(
            "main",
            [
                finding("b", 2),
                finding("main", 9),
                finding("b", 1),
                finding("a", 1),
                finding("main", 10),
                finding("b", 2),
            ],
        )
        self.assertEqual(
            [(f.file, f.line) for f in found],
            [("main", 9), ("main", 10), ("b", 1), ("b", 2), ("a", 1)],
        )

    def test_order_at_one_place(self) -> None:
        """Findings at one place stay as they were found, not by their words."""
        found = [finding("main", 1), finding("main", 1, "warning")]
        for several in (found, found[::-1]):
            self.assertEqual(in_order("main", several), several)

    def test_strict(self) -> None:
        """Strictness makes errors of warnings and changes nothing else."""
        warning = finding("a", 1, "warning")
        self.assertFalse(has_errors([warning]))
        (error,) = stricter([warning])
        self.assertTrue(has_errors([error]))
        self.assertEqual(as_data(error), {**as_data(warning), "severity": "error"})

    def test_data(self) -> None:
        """JSON has six names."""
        self.assertEqual(
            as_data(ConfigError("text", "f", 3, 5, None, "warning")),
            {
                "severity": "warning",
                "file": "f",
                "line": 3,
                "column": 5,
                "option": None,
                "message": "text",
            },
        )

    def test_summary(self) -> None:
        """One line counts both kinds."""
        error, warning = finding("a", 1), finding("a", 2, "warning")
        self.assertEqual(summary("f", []), "f: no errors, no warnings")
        self.assertEqual(summary("f", [error]), "f: 1 error")
        self.assertEqual(
            summary("f", [error, warning, warning]), "f: 1 error, 2 warnings"
        )
