"""What a configuration that was read again changes, and what only a restart changes.

Compares two configurations that passed every check; does nothing about it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mcmtpush.config.addresses import parse_listen
from mcmtpush.config.finding import about, in_order
from mcmtpush.config.listen import LISTENER, is_on, open_listens
from mcmtpush.config.options import OPTIONS, Option
from mcmtpush.config.scopes import Fallback, resolve
from mcmtpush.config.settings import Configuration
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.units import show_value
from mcmtpush.config.views import DeliverySettings
from mcmtpush.errors import ConfigError
from mcmtpush.values import QueueKey


_SWITCHES: Final = frozenset({"enable", "enabled"})
"""Of a listen these say whether there is one at all."""

_SIMULATOR: Final = "apns_simulator"
_LOGGER: Final = "apn_logger"

Chain = Sequence[Scope]


def same_way_out(before: Configuration, after: Configuration, key: QueueKey) -> bool:
    """Whether the lane of a queue, with its connections, can go on as it is."""
    return (
        before.delivery(key) == after.delivery(key)
        and before.process().hostname == after.process().hostname
        and _swallows(before, key) == _swallows(after, key)
    )


def _swallows(configuration: Configuration, key: QueueKey) -> bool:
    return configuration.queue(key).blackhole == "internal"


def poll_terms(settings: DeliverySettings) -> tuple[object, ...]:
    """What a poller of the feedback service was told; equal ones need no other."""
    return (
        settings.feedback_route,
        settings.feedback_interval_seconds,
        settings.tls,
        settings.bind_address,
        settings.connect_timeout_seconds,
        settings.host_failure_retry_seconds,
    )


def needs_restart(running: Configuration, read: Configuration) -> list[ConfigError]:
    """One warning for each difference that a running program does not follow.

    Args:
        running: what the program was started with.
        read: what the files say now.
    """
    before, after = running.root, read.root
    return in_order(
        "",
        [
            *_options(_of_process(), [before], [after]),
            *_loggers(before, after),
            *_simulator(before, after),
            *_listens(before, after, LISTENER),
            *_listens(before, after, _SIMULATOR),
        ],
    )


# -- which options -----------------------------------------------------------------


def _fixed(kind: str) -> Iterator[Option]:
    """What may stand in such a scope, has an effect, and needs a restart."""
    return (
        option
        for option in OPTIONS.values()
        if option.implemented and not option.dynamic and kind in option.scopes
    )


def _of_process() -> list[Option]:
    return [each for each in _fixed("global") if "listen" not in each.scopes]


def _of_listens() -> list[Option]:
    return [each for each in _fixed("listen") if each.name not in _SWITCHES]


def _of_module(kind: str) -> list[Option]:
    """All of its options: a module is set up once."""
    return [
        option
        for option in OPTIONS.values()
        if option.implemented and kind in option.scopes
    ]


# -- what is compared --------------------------------------------------------------


def _options(
    options: Iterable[Option], before: Chain, after: Chain
) -> Iterator[ConfigError]:
    """Those of the options whose value is not what it was."""
    for option in options:
        was, will_be = resolve(option, before), resolve(option, after)
        if was.value != will_be.value:
            place = will_be.setting or was.setting
            assert place is not None  # noqa: S101 - else both were the default
            yield _warning(option, place, was.value, said=bool(will_be.setting))


def _warning(option: Option, place: Setting, was: Any, *, said: bool) -> ConfigError:
    shown = "no value" if was is None else show_value(option, was)
    text = f"{option.name} needs a restart: until then it is {shown}"
    finding = about(place, text, "warning")
    if said:
        return finding
    # The line of an option that was removed is another one now.
    return ConfigError(finding.message, finding.file, 0, 0, option.name, "warning")


def _loggers(before: Scope, after: Scope) -> Iterator[ConfigError]:
    yield from _scopes(
        {scope.name: scope for scope in before.of_kind(_LOGGER)},
        {scope.name: scope for scope in after.of_kind(_LOGGER)},
    )
    for old in before.of_kind(_LOGGER):
        for new in after.of_kind(_LOGGER):
            if old.name == new.name:
                yield from _options(_of_module(_LOGGER), [old], [new])


def _simulator(before: Scope, after: Scope) -> Iterator[ConfigError]:
    old = list(filter(is_on, before.of_kind(_SIMULATOR)))
    new = list(filter(is_on, after.of_kind(_SIMULATOR)))
    yield from _scopes({s.kind: s for s in old}, {s.kind: s for s in new})
    if old and new:
        yield from _options(_of_module(_SIMULATOR), old, new)


def _listens(before: Scope, after: Scope, kind: str) -> Iterator[ConfigError]:
    old = {parse_listen(each.name or ""): each for each in open_listens(before, kind)}
    new = {parse_listen(each.name or ""): each for each in open_listens(after, kind)}
    yield from _scopes(old, new)
    for address in old.keys() & new.keys():
        yield from _options(
            _of_listens(),
            _chain(before, old[address], kind),
            _chain(after, new[address], kind),
        )


def _chain(root: Scope, listen: Scope, kind: str) -> Chain:
    if kind == _SIMULATOR:
        return [listen, root]
    return Fallback(root).receiving(listen.name, None, kind)


def _scopes(
    before: Mapping[Any, Scope], after: Mapping[Any, Scope]
) -> Iterator[ConfigError]:
    """Those that came or went."""
    for scope in (after[key] for key in _missing(after, before)):
        yield about(scope, f"{scope.path()} needs a restart: it is new", "warning")
    for scope in (before[key] for key in _missing(before, after)):
        text = f"{scope.path()} needs a restart: until then it goes on"
        finding = about(scope, text, "warning")
        yield ConfigError(finding.message, finding.file, 0, 0, scope.kind, "warning")


def _missing(those: Mapping[Any, Scope], here: Mapping[Any, Scope]) -> list[Hashable]:
    return [key for key in those if key not in here]
