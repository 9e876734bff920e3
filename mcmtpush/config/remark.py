"""What is wrong with one setting by itself, though its value is of the right type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mcmtpush.config.extensions import left_out
from mcmtpush.config.finding import about
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.provider import SETTING_CHECKS
from mcmtpush.config.tokens import shown
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.errors import ConfigError


def check_scope(scope: Scope) -> Iterator[ConfigError]:
    """Of every option that holds in this scope."""
    for definitions in scope.settings.values():
        setting = definitions[-1]
        check = _SETTINGS.get(setting.option.name)
        if check is not None:
            yield from check(setting)


_DELIVERED = frozenset({"apn", "esmtp", "smtp"})


def _check_method(setting: Setting) -> Iterator[ConfigError]:
    if setting.value not in _DELIVERED:
        yield about(
            setting,
            f'delivery_method "{setting.value}" is not delivered by this version: '
            "apn, esmtp and smtp are",
            "warning",
        )


def _check_relay(setting: Setting) -> Iterator[ConfigError]:
    if setting.value:
        text = "open_relay lets everybody send through this gateway"
        yield about(setting, text, "warning")


def _check_context(setting: Setting) -> Iterator[ConfigError]:
    word = (setting.value or {}).get("mcmt_reception")
    choices = OPTIONS["mcmt_reception"].choices or ()
    if word is not None and word.lower() not in choices:
        known = ", ".join(choices)
        yield about(setting, f'mcmt_reception = "{word}" is none of {known}')


def _check_banner(setting: Setting) -> Iterator[ConfigError]:
    if not setting.value.startswith("220"):
        text = (
            f"static_banner {shown(setting.value)} is ignored: it must begin with 220"
        )
        yield about(setting, text, "warning")


def _check_extensions(setting: Setting) -> Iterator[ConfigError]:
    for problem in dict.fromkeys(map(left_out, setting.value or ())):
        if problem:
            yield about(setting, f"smtp_extensions: {problem}", "warning")


_SETTINGS: dict[str, Callable[[Setting], Iterator[ConfigError]]] = {
    "delivery_method": _check_method,
    "open_relay": _check_relay,
    "context": _check_context,
    "static_banner": _check_banner,
    "smtp_extensions": _check_extensions,
    **SETTING_CHECKS,
}
