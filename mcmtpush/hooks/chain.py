"""Who is asked at a hook, in which order, and what keeps a fault from spreading.

Whatever a script raises becomes a `HookError` with hook, script and line, counted
each time and told to the operator now and then.  Knows no language, and not what the
views mean that it hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from typing import Protocol as Port

from attrs import define, field, frozen

from mcmtpush.counters import Counters
from mcmtpush.errors import HookError
from mcmtpush.hooks.points import DEINIT, INIT, POINTS


SILENCE_SECONDS: Final = 600.0
"""An operator is told of the same fault once in so long."""

FAULTS_LIMIT: Final = 100
"""Of so many faults is remembered when they were told."""

REASON_LIMIT: Final = 300

Result = TypeVar("Result")


class Teller(Port):
    """Where faults go: Twisted's logger."""

    def error(self, format: str, **kwargs: Any) -> None:  # noqa: A002 - theirs
        """Tell the operator."""


@frozen
class Provider:
    """What one script has to say.

    Attributes:
        script: the stanza it comes from.
        functions: by hook; each takes the views of `points`, in order.
        explain: line (0 if unknown) and text of what such a function raised.
    """

    script: str
    functions: Mapping[str, Callable[..., object]]
    explain: Callable[[BaseException], tuple[int, str]]

    def call(self, hook: str, *views: object) -> object:
        """Ask it; raises HookError and nothing else."""
        try:
            return self.functions[hook](*views)
        # Even `sys.exit()` in a script must not end the program.
        except BaseException as error:  # noqa: BLE001 - the hook chain
            line, text = self.explain(error)
            raise HookError(hook, self.script, line, _brief(text, error)) from None

    def stops(self, hook: str, returned: object) -> bool:
        """Whether no further script is asked; raises HookError and nothing else."""
        try:
            return POINTS[hook].stops(returned)
        except BaseException as error:  # noqa: BLE001 - the hook chain
            text = f"what it returned cannot be compared: {error}"
            raise HookError(hook, self.script, 0, _brief(text, error)) from None


@define(eq=False)
class Chain:
    """The scripts of one configuration, in the order they were registered."""

    providers: Sequence[Provider]
    counters: Counters
    teller: Teller
    seconds: Callable[[], float]
    _asked: dict[str, list[Provider]] = field(init=False)
    _told_at: dict[tuple[str, str, int], float] = field(init=False, factory=dict)
    _untold: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._asked = {
            hook: [each for each in self.providers if hook in each.functions]
            for hook in POINTS
        }

    def has(self, hook: str) -> bool:
        """Whether anybody is asked there."""
        return bool(self._asked[hook])

    def call(self, hook: str, *views: object) -> str:
        """Ask one after the other until one stops it; raises HookError.

        Returns:
            The script that was asked last; one is enough to be asked.
        """
        last = ""
        for provider in self._asked[hook]:
            last = provider.script
            if provider.stops(hook, provider.call(hook, *views)):
                break
        return last

    def conclude(self, hook: str, last: str, work: Callable[[], Result]) -> Result:
        """What the views amount to after `call`; raises HookError and nothing else.

        A script in Python can leave anything in them.
        """
        try:
            return work()
        except HookError:
            raise
        except BaseException as error:  # noqa: BLE001 - the hook chain
            raise HookError(hook, last, 0, _brief(str(error), error)) from None

    def begin(self) -> None:
        """`init` of all; when one fails, `deinit` of those before, and HookError."""
        for count, provider in enumerate(self.providers):
            try:
                _begin(provider)
            except HookError:
                self._end(self.providers[:count])
                raise

    def end(self) -> None:
        """`deinit` of all."""
        self._end(self.providers)

    def _end(self, providers: Sequence[Provider]) -> None:
        for provider in providers:
            if DEINIT in provider.functions:
                try:
                    provider.call(DEINIT)
                except HookError as error:
                    self.tell(error)

    def tell(self, error: HookError) -> None:
        """Count a fault, and let the operator know now and then."""
        self.counters.add("hooks.failed")
        fault, now = (error.hook, error.script, error.line), self.seconds()
        if now - self._told_at.get(fault, -SILENCE_SECONDS) < SILENCE_SECONDS:
            self._untold += 1
            return
        if len(self._told_at) >= FAULTS_LIMIT:
            self._told_at.clear()
        self._told_at[fault] = now
        untold, self._untold = self._untold, 0
        self.teller.error(
            "{error}; told once in {minutes:g} minutes, {untold} were not told before",
            error=str(error),
            minutes=SILENCE_SECONDS / 60,
            untold=untold,
        )


def _brief(text: str, error: BaseException) -> str:
    return " ".join(text.split())[:REASON_LIMIT] or type(error).__name__


def _begin(provider: Provider) -> None:
    if INIT in provider.functions and provider.stops(INIT, provider.call(INIT)):
        raise HookError(INIT, provider.script, 0, "it did not return true")
