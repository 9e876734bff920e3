"""Whether the modules that are needed are there, and switched on."""

from __future__ import annotations

from collections.abc import Iterator

from mcmtpush.config.finding import about
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.outbound import Case
from mcmtpush.config.scopes import resolve
from mcmtpush.config.script import SCRIPT_LANGUAGES
from mcmtpush.config.tree import Scope
from mcmtpush.errors import ConfigError


def check_modules(root: Scope, deliveries: list[Case]) -> Iterator[ConfigError]:
    """Stanzas of `apn`, its loggers and the simulator, and who needs them."""
    if not any(root.of_kind("apn")):
        for case in deliveries:
            method = case.ask("delivery_method").setting
            if case.is_push and method is not None:
                yield about(method, 'delivery_method "apn" needs the stanza "apn {}"')
        for logger in root.of_kind("apn_logger"):
            text = 'apn_logger logs nothing without the stanza "apn {}"'
            yield about(logger, text, "warning")
    elif any(case.is_push for case in deliveries):
        yield from _check_switch(root)
    yield from _check_feedback(root)
    for simulator in root.of_kind("apns_simulator"):
        if not any(simulator.of_kind("listen")):
            text = 'apns_simulator has no listen, such as listen "127.0.0.1:2195" {}'
            yield about(simulator, text, "warning")


def _check_feedback(root: Scope) -> Iterator[ConfigError]:
    """Reading empties Apple's list, so nobody reads where nobody keeps."""
    tokens = root.settings.get("token_events")
    if tokens is not None and tokens[-1].value is not None:
        return
    for scope in root.walk():
        for setting in scope.settings.get("apn_feedback_route", [])[-1:]:
            text = (
                "the feedback service is not polled without token_events, the file "
                "for what it says"
            )
            yield about(setting, text, "warning")


def _check_switch(root: Scope) -> Iterator[ConfigError]:
    for apn in root.of_kind("apn"):
        for setting in apn.settings.get("enabled", [])[-1:]:
            if not setting.value:
                text = (
                    "apn is switched off (enabled = false): messages for domains with "
                    'delivery_method "apn" stay queued'
                )
                yield about(setting, text, "warning")


def check_policy(root: Scope) -> Iterator[ConfigError]:
    """Stanzas of scripts."""
    names = [scope.name for scope in root.of_kind("scriptlet")]
    for scope in root.of_kind("scriptlet"):
        if scope.name != names[0]:
            text = f'every scriptlet has one and the same name: "{names[0]}"'
            yield about(scope, text)
    for scope in root.of_kind(*SCRIPT_LANGUAGES):
        for script in scope.of_kind("script"):
            if not resolve(OPTIONS["source"], [script]).value:
                yield about(script, f'{script.path()} needs a source, such as "policy"')
