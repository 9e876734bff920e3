"""What a configuration for Apple's binary gateway must change, now that it is gone.

Takes the tree and the files it was made from, and makes the text of each file as it
should be, with notes about what only people can decide.  Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from mcmtpush.config.addresses import parse_route
from mcmtpush.config.certificate import APPLES_ROOT, trusts_apple
from mcmtpush.config.draft import Draft, Note, Rewritten
from mcmtpush.config.outbound import Case, cases, subject
from mcmtpush.config.provider import SHORT_MILLISECONDS
from mcmtpush.config.push import HTTP2_SCHEME, IDLE_SECONDS
from mcmtpush.config.replacement import Replacement
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.config.views import KeySettings
from mcmtpush.ports import Files


HOSTS: Final[Mapping[str, str]] = {
    "gateway.push.apple.com": "api.push.apple.com",
    "gateway.sandbox.push.apple.com": "api.sandbox.push.apple.com",
}
"""Of Apple's binary gateway, and of the HTTP/2 interface in the same environment."""

FEEDBACK: Final = ("feedback.push.apple.com", "feedback.sandbox.push.apple.com")
WAIT: Final = "delivery_response_timeout"
ANSWER_MILLISECONDS: Final = 30_000


@frozen
class Migration:
    """All there is to do: files that change, in order, and notes."""

    files: tuple[Rewritten, ...]
    notes: tuple[Note, ...]


def migrate(
    root: Scope, files: Files, main: str, key: KeySettings | None = None
) -> Migration:
    """What `root` must change.

    Args:
        root: a tree without errors.
        files: where it was read from; certificates are read, too.
        main: the first of them, by its name.
        key: what to make provider tokens with, instead of the certificates; where its
            file is, relative to `main` if it is relative.
    """
    draft = Draft(files)
    _Work(root, draft, Replacement(draft, main, key)).run()
    return Migration(tuple(draft.rewritten()), tuple(sorted(draft.notes, key=_placed)))


def _placed(note: Note) -> tuple[Place, str]:
    return note.place, note.text


@define
class _Work:
    """One migration under way."""

    root: Scope
    draft: Draft
    replacement: Replacement
    _converted: set[Place] = field(factory=set, init=False)  # of settings of routes

    def run(self) -> None:
        for setting in _settings(self.root, "routes"):
            self._convert(setting)
        lanes = [case for case in cases(self.root) if case.is_push]
        moving = [case for case in lanes if self._moves(case)]
        staying = [case for case in lanes if _stays(case)]
        self.replacement.replace(moving, staying)
        self._waits(moving, staying)
        self._authorities(moving)
        self._patience(moving)
        self._feedback()

    # -- routes ---------------------------------------------------------------------

    def _convert(self, setting: Setting) -> None:
        """Apple's hosts by their successors; others stay as they are."""
        page = self.draft.page(setting)
        for word in page.setting(setting.place.line, setting.place.column).words:
            route = parse_route(word.text, 0)
            host = HOSTS.get(route.host)
            if host is not None and route.scheme in {"", "apn", "http"}:
                page.replace(word, f'"{HTTP2_SCHEME}://{host}?{_query(word.text)}"')
                self._converted.add(setting.place)
            elif route.scheme == "apn":
                text = f"{route.host} is not Apple's: its route stays as it is"
                self.draft.note(setting, text)

    def _moves(self, case: Case) -> bool:
        """Whether a route of it leads to Apple."""
        return case.place("routes") in self._converted

    # -- the rest -------------------------------------------------------------------

    def _waits(self, moving: Sequence[Case], staying: Sequence[Case]) -> None:
        """Windows in which silence meant acceptance are short for answers."""
        kept = {case.place(WAIT) for case in staying}
        settings = (case.ask(WAIT).setting for case in moving)
        short = {
            setting.place: setting
            for setting in settings
            if setting is not None and setting.value < SHORT_MILLISECONDS
        }
        for place, setting in short.items():
            if place not in kept:
                self._lengthen(setting)
                continue
            self.draft.note(
                setting,
                f"{WAIT} is how long an answer is waited for over HTTP/2, and is "
                "also the response window of domains that stay: give the others "
                f"{ANSWER_MILLISECONDS} of their own",
            )

    def _lengthen(self, setting: Setting) -> None:
        page, place = self.draft.page(setting), setting.place
        (word,) = page.setting(place.line, place.column).words
        page.replace(word, str(ANSWER_MILLISECONDS))
        self.draft.note(
            setting,
            f"{WAIT} was how long silence is waited for; over HTTP/2 it is how "
            "long an answer is",
        )

    def _patience(self, moving: Sequence[Case]) -> None:
        for case in moving:
            setting = case.ask("idle_timeout").setting
            if setting is not None and setting.value < IDLE_SECONDS:
                text = "idle_timeout: Apple wants idle connections to be kept"
                kept = f"without it they are over HTTP/2, for {IDLE_SECONDS} seconds"
                self.draft.note(setting, f"{text}; {kept}")

    def _authorities(self, moving: Sequence[Case]) -> None:
        for case in moving:
            trusted = case.ask("tls_ca").setting
            if case.ask("tls_verify").value == "no":
                anchor = case.ask("tls_verify").setting or case.ask("routes").setting
                if anchor is not None:
                    text = 'say tls_verify = "host", so that only Apple is talked to'
                    self.draft.note(anchor, f"{subject(case)}: {text}")
            elif trusted is not None and not self._trusts_apple(trusted.value):
                text = f"{trusted.value} does not hold {APPLES_ROOT}"
                self.draft.note(trusted, f"{text}, by which Apple's hosts are verified")

    def _trusts_apple(self, path: str) -> bool:
        try:
            return path == "none" or trusts_apple(self.draft.files.read(path))
        except OSError:
            return True  # `mcmtpush check` says that it cannot be read

    def _feedback(self) -> None:
        for setting in _settings(self.root, "apn_feedback_route"):
            if parse_route(setting.value, 0).host in FEEDBACK:
                self.draft.remove(setting)
                self.draft.note(
                    setting,
                    "the feedback service is gone: answers over HTTP/2 say which "
                    "tokens are",
                )


def _query(text: str) -> str:
    """The fields of a route, with the port of the other interface."""
    fields = text.partition("?")[2].split("&")
    kept = [one for one in fields if one and not one.lower().startswith("port=")]
    return "&".join(["port=443", *kept])


def _stays(case: Case) -> bool:
    """Whether something of it stays with the binary protocol."""
    routes = (parse_route(text, 0) for text in case.ask("routes").value or ())
    return any(r.scheme != HTTP2_SCHEME and r.host not in HOSTS for r in routes)


def _settings(scope: Scope, name: str) -> Iterator[Setting]:
    """All definitions of an option, in every scope."""
    yield from scope.settings.get(name, ())
    for child in scope.children:
        yield from _settings(child, name)
