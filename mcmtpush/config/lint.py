"""What is well written and still will not work: the checks behind `mcmtpush check`.

Takes the tree that `config.merge` made and says, with its place, what a running
gateway would stumble over.  An error keeps the program from starting, a warning
does not.  The findings are listed in `docs/reference/command-line.md`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import frozen

from mcmtpush.config.addresses import same_listen
from mcmtpush.config.credentials import Credentials
from mcmtpush.config.extensions import left_out
from mcmtpush.config.finding import about, has_errors, in_order
from mcmtpush.config.listen import LISTENER, is_on, open_listens
from mcmtpush.config.merge import read_configuration
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.outbound import Case, cases, check_case
from mcmtpush.config.provider import SETTING_CHECKS, check_provider
from mcmtpush.config.push import ENVIRONMENTS, HTTP2_SCHEME, has_key
from mcmtpush.config.reception import mcmt_reception
from mcmtpush.config.scopes import Fallback, resolve
from mcmtpush.config.script import SCRIPT_LANGUAGES, read_scripts
from mcmtpush.config.settings import Configuration
from mcmtpush.config.tokens import printable, shown
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Files


@frozen
class Judges:
    """Those who know languages that are not the configuration's.

    Each says in sentences what is wrong; none means nothing.

    Attributes:
        format: of the format of a record.
        ciphers: of a cipher list.
        script: of the content of a simulator's script.
        policy: of a script of policy, which is found and read for that.
    """

    format: Callable[[str], list[str]]
    ciphers: Callable[[str], list[str]]
    script: Callable[[bytes], list[str]]
    policy: Callable[[ScriptSettings, Files], list[str]]


def load_configuration(
    path: str,
    files: Files,
    now: float,
    hostname: str = "localhost",
    judges: Judges | None = None,
    *,
    search_path: tuple[str, ...] | None = None,
) -> tuple[Configuration | None, list[ConfigError]]:
    """Read and check the configuration at `path`.

    Args:
        path: the main file, as the user named it.
        files: how files are read.
        now: seconds since the epoch, for certificates that expire.
        hostname: of this machine, where the configuration gives none.
        judges: who judges record formats, cipher lists and scripts; without them
            these are taken as they are.
        search_path: where included files are looked for, see `read_configuration`.

    Returns:
        The configuration, or None if a finding is an error, and all findings of
        all files in order.
    """
    root, findings = read_configuration(path, files, search_path)
    folders = (posixpath.dirname(path),) if search_path is None else search_path
    findings += lint(root, files, now)
    if judges is not None:
        findings += _ask_judges(root, files, judges)
        findings += _judge_policy(root, folders, files, judges)
    findings = in_order(path, findings)
    if has_errors(findings):
        return None, findings
    return Configuration(root, hostname, folders), findings


def lint(root: Scope, files: Files, now: float) -> list[ConfigError]:
    """Every finding about a tree; `now` is seconds since the epoch."""
    deliveries = cases(root)
    return [
        *(finding for scope in _walk(root) for finding in _check_scope(scope)),
        *(finding for case in deliveries for finding in check_case(case, deliveries)),
        *(
            finding
            for case in deliveries
            for finding in check_provider(case, deliveries)
        ),
        *_check_modules(root, deliveries),
        *_check_policy(root),
        *_check_listens(root, deliveries),
        *_check_credentials(root, deliveries, Credentials.of(root, files, now)),
    ]


def _walk(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.children:
        yield from _walk(child)


# -- one scope by itself ------------------------------------------------------------


def _check_scope(scope: Scope) -> Iterator[ConfigError]:
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


# -- scopes together ----------------------------------------------------------------


def _check_modules(root: Scope, deliveries: list[Case]) -> Iterator[ConfigError]:
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
    for scope in _walk(root):
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


def _ask_judges(root: Scope, files: Files, judges: Judges) -> Iterator[ConfigError]:
    for scope in _walk(root):
        for definitions in scope.settings.values():
            setting = definitions[-1]
            name = setting.option.name
            if name == "tls_ciphers" and setting.value:
                yield from _say(setting, judges.ciphers(setting.value))
            elif scope.kind == "apn_logger" and name.endswith("_format"):
                yield from _say(setting, judges.format(setting.value))
            elif scope.kind == "apns_simulator" and name == "script" and is_on(scope):
                yield from _judge_script(setting, files, judges)


def _say(setting: Setting, problems: list[str]) -> Iterator[ConfigError]:
    for problem in problems:
        yield about(setting, f"{setting.option.name}: {problem}")


def _judge_script(
    setting: Setting, files: Files, judges: Judges
) -> Iterator[ConfigError]:
    path = setting.value
    try:
        content = files.read(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        yield about(setting, f"script {path} cannot be read: {reason}")
        return
    for problem in judges.script(content):
        yield about(setting, f"script {path}: {problem}")


def _judge_policy(
    root: Scope, folders: Sequence[str], files: Files, judges: Judges
) -> Iterator[ConfigError]:
    for script in read_scripts(root, folders):
        for problem in judges.policy(script, files):
            yield ConfigError(
                printable(problem), script.file, script.line, script.column, "script"
            )


def _check_policy(root: Scope) -> Iterator[ConfigError]:
    names = [scope.name for scope in root.of_kind("scriptlet")]
    for scope in root.of_kind("scriptlet"):
        if scope.name != names[0]:
            text = f'every scriptlet has one and the same name: "{names[0]}"'
            yield about(scope, text)
    for scope in root.of_kind(*SCRIPT_LANGUAGES):
        for script in scope.of_kind("script"):
            if not resolve(OPTIONS["source"], [script]).value:
                yield about(script, f'{script.path()} needs a source, such as "policy"')


def _check_listens(root: Scope, deliveries: list[Case]) -> Iterator[ConfigError]:
    fallback = Fallback(root)
    pushes = any(case.is_push for case in deliveries)
    before: list[Scope] = []
    for kind in (LISTENER, "apns_simulator"):
        for listen in open_listens(root, kind):
            name = listen.name or ""
            for other in before:
                if same_listen(name, other.name or ""):
                    text = f'"{name}" is listened on already, see {other.place}'
                    yield about(listen, text)
            before.append(listen)
            if kind == LISTENER:
                yield from _check_listen(fallback, listen, pushes=pushes)


def _check_listen(
    fallback: Fallback, listen: Scope, *, pushes: bool
) -> Iterator[ConfigError]:
    chain = fallback.receiving(listen.name, None, LISTENER)
    certificate = resolve(OPTIONS["tls_certificate"], chain)
    use_ssl = resolve(OPTIONS["use_ssl"], chain)
    faulty = any("tls_certificate" in scope.faulty for scope in chain)
    bare = certificate.value in {None, "none"} and not faulty
    if use_ssl.value and use_ssl.setting and bare:
        yield about(use_ssl.setting, "use_ssl needs tls_certificate and tls_key")
    if pushes and not _takes_pushes(listen, chain):
        setting = resolve(OPTIONS["mcmt_reception"], chain).setting
        yield about(
            setting or listen,
            f'a push injected at "{listen.name}" is queued as ordinary mail and not '
            'delivered (mcmt_reception is "passthru"): set it to "allow", or to '
            '"reject" where no pushes come in',
            "warning",
        )


def _takes_pushes(listen: Scope, chain: tuple[Scope, ...]) -> bool:
    """Whether anything but `passthru` was chosen for some client of the listen."""
    holders = [listen] if listen.parent is None else [listen, listen.parent]
    peers = [peer for holder in holders for peer in holder.of_kind("peer")]
    return any(
        _reception_by(nearer) != "passthru"
        for nearer in (chain, *((peer, *chain) for peer in peers))
    )


def _reception_by(chain: tuple[Scope, ...]) -> Any:
    context = resolve(OPTIONS["context"], chain).value or {}
    return mcmt_reception(resolve(OPTIONS["mcmt_reception"], chain).value, context)


def _check_credentials(
    root: Scope, deliveries: list[Case], credentials: Credentials
) -> Iterator[ConfigError]:
    for scope in _walk(root):
        yield from credentials.check_files(scope)
    for case in deliveries:
        if case.is_push:
            certificate, key = case.ask("tls_certificate"), case.ask("tls_key")
            yield from credentials.check_pair(
                certificate.setting,
                key.setting,
                complete=case.exact and not case.is_faulty("tls_key"),
            )
            if certificate.setting and case.speaks_http2 and not has_key(case.ask):
                yield from _check_apples(case, certificate.setting, credentials)
    fallback = Fallback(root)
    for kind in (LISTENER, "apns_simulator"):
        for listen in open_listens(root, kind):
            chain = fallback.receiving(listen.name, None, kind)
            yield from credentials.check_pair(
                resolve(OPTIONS["tls_certificate"], chain).setting,
                resolve(OPTIONS["tls_key"], chain).setting,
                complete=not any("tls_key" in scope.faulty for scope in chain),
            )


def _check_apples(
    case: Case, certificate: Setting, credentials: Credentials
) -> Iterator[ConfigError]:
    """What Apple will say of a certificate that is shown over HTTP/2."""
    if case.exact and not case.ask("apn_topic").value:
        yield from credentials.check_topic(certificate)
    for route in case.routes():
        environment = ENVIRONMENTS.get(route.host)
        if environment is not None and route.scheme == HTTP2_SCHEME:
            yield from credentials.check_environment(
                certificate, environment, route.host
            )
