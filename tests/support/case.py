"""Our TestCase: synchronous, and falsifying examples are readable under trial."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase


def readable(test: Callable[..., Any]) -> Callable[..., Any]:
    """Put Hypothesis' notes into the text, since trial's report drops them.

    Stands above `@given`; also wraps `run_state_machine_as_test`.
    """

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return test(*args, **kwargs)
        except Exception as error:
            notes = getattr(error, "__notes__", None)
            if not notes:
                raise
            raise AssertionError("\n".join([repr(error), *notes])) from error

    return run


class TestCase(SynchronousTestCase):
    """The case of every test outside `tests/integration`."""
