"""Whether Apple's HTTP/2 interface will take what a configuration makes of it.

About queues with a route of the scheme `apn2`: their credentials, defaults of
requests and the wait for an answer.  Never reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from mcmtpush.config.finding import about
from mcmtpush.config.outbound import Case, is_certified, subject
from mcmtpush.config.push import KEY_OPTIONS, has_key
from mcmtpush.config.tree import Setting
from mcmtpush.errors import ConfigError


ID_LENGTH: Final = 10
LONGEST_COLLAPSE_ID: Final = 64
SHORT_MILLISECONDS: Final = 10_000
"""Waits below this leave many requests without an answer; Apple takes its time."""


def check_provider(case: Case, others: Iterable[Case]) -> Iterator[ConfigError]:
    """Findings about one queue; `others` are all queues."""
    if not (case.is_push and case.speaks_http2):
        return
    # A pattern may leave to its domains what differs between them.
    nearer = [] if case.exact else [other for other in others if case.covers(other)]
    yield from _check_credentials(case, nearer)
    if has_key(case.ask):
        yield from _check_key_use(case, nearer)
    yield from _check_wait(case)
    yield from _check_priority(case)


def _check_credentials(case: Case, nearer: Sequence[Case]) -> Iterator[ConfigError]:
    family = (case, *nearer)
    if any(has_key(one.ask) for one in family):
        return
    if any(case.is_faulty(name) for name in KEY_OPTIONS):
        return
    file, *ids = map(case.ask, KEY_OPTIONS)
    given = [one.setting for one in (file, *ids) if one.setting and one.value]
    wanted = file.value != "none" and bool(file.value or ids[0].value)
    method = case.ask("delivery_method").setting
    if wanted:
        names = [setting.option.name for setting in given]
        missing = " and ".join(name for name in KEY_OPTIONS if name not in names)
        text = f"{subject(case)} has no {missing}: provider tokens need all three"
        yield about(given[0], f"{text} of {', '.join(KEY_OPTIONS)}")
    elif method is not None and not any(map(is_certified, family)):
        keys = ", ".join(KEY_OPTIONS)
        yield about(
            method,
            f"{subject(case)} has neither a key ({keys}) nor a tls_certificate for "
            "its apn2 route: the service refuses every push",
        )


def _check_key_use(case: Case, nearer: Sequence[Case]) -> Iterator[ConfigError]:
    """What goes with provider tokens."""
    key = case.ask("apn_key_file").setting
    if key is None:
        return
    if not any(one.ask("apn_topic").value for one in (case, *nearer)):
        text = f"{subject(case)} has no apn_topic"
        yield about(key, f"{text}: every message must bring X-APNs-Topic", "warning")
    if is_certified(case) and not case.speaks_binary:
        text = (
            f"{subject(case)} has a key and a tls_certificate: the key is used and the "
            "certificate is not presented; tls_certificate = none says so"
        )
        yield about(key, text, "warning")
    if case.ask("tls_verify").value == "no":
        text = "tls_verify is no: provider tokens are shown to whoever answers"
        yield about(case.ask("tls_verify").setting or key, text, "warning")


def _check_wait(case: Case) -> Iterator[ConfigError]:
    setting = case.ask("delivery_response_timeout").setting
    if setting is None or case.speaks_binary:
        return
    if setting.value == 0:
        text = "delivery_response_timeout = 0 leaves an apn2 route no time to answer"
        yield about(setting, text)
    elif setting.value < SHORT_MILLISECONDS:
        yield about(
            setting,
            f"delivery_response_timeout ({setting.value} milliseconds) is how long "
            "an apn2 route is given to answer: what is late is undecided; 30000, the "
            "default there, serves",
            "warning",
        )


def _check_priority(case: Case) -> Iterator[ConfigError]:
    priority = case.ask("apn_priority")
    background = case.ask("apn_push_type").value == "background"
    if background and priority.value == "10" and priority.setting:
        text = "apn_priority = 10 is refused with apn_push_type = background: say 5"
        yield about(priority.setting, text, "warning")


# -- single options -----------------------------------------------------------------


def _check_id(setting: Setting) -> Iterator[ConfigError]:
    value: str = setting.value
    fits = len(value) == ID_LENGTH and value.isascii() and value.isalnum()
    if value and not fits:
        name = setting.option.name
        text = (
            f'{name} "{value}" is not {ID_LENGTH} letters and digits, as Apple\'s are'
        )
        yield about(setting, text)


def _check_topic(setting: Setting) -> Iterator[ConfigError]:
    value: str = setting.value
    if not value.isascii() or not value.isprintable() or " " in value:
        text = f'apn_topic "{value}" is not a bundle id, such as com.example.app'
        yield about(setting, text)


def _check_collapse_id(setting: Setting) -> Iterator[ConfigError]:
    value: str = setting.value
    if not (value.isascii() and value.isprintable()):
        yield about(setting, "apn_collapse_id is not printable ASCII")
    elif len(value) > LONGEST_COLLAPSE_ID:
        text = f"apn_collapse_id is longer than {LONGEST_COLLAPSE_ID} characters"
        yield about(setting, text)


SETTING_CHECKS: Final[Mapping[str, Callable[[Setting], Iterator[ConfigError]]]] = {
    "apn_key_id": _check_id,
    "apn_team_id": _check_id,
    "apn_topic": _check_topic,
    "apn_collapse_id": _check_collapse_id,
}
"""By option name: what is wrong with a value by itself."""
