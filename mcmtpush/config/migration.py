"""What a configuration for Apple's binary gateway must change, now that it is gone.

Takes the tree and the files it was made from, and makes the text of each file as it
should be, with notes about what only people can decide.  Writes nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Final

from attrs import define, field, frozen

from mcmtpush.config.addresses import parse_route
from mcmtpush.config.certificate import APPLES_ROOT, read_topic, trusts_apple
from mcmtpush.config.edit import Page
from mcmtpush.config.outbound import Case, cases, is_certified, subject
from mcmtpush.config.provider import SHORT_MILLISECONDS
from mcmtpush.config.push import HTTP2_SCHEME, IDLE_SECONDS, has_key
from mcmtpush.config.tokens import Faults, decode
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.config.views import KeySettings
from mcmtpush.ports import Files


HOSTS: Final[Mapping[str, str]] = {
    "gateway.push.apple.com": "api.push.apple.com",
    "gateway.sandbox.push.apple.com": "api.sandbox.push.apple.com",
}
"""Of Apple's binary gateway, and of the HTTP/2 interface in the same environment."""

FEEDBACK: Final = ("feedback.push.apple.com", "feedback.sandbox.push.apple.com")
ANSWER_MILLISECONDS: Final = 30_000
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


@frozen
class Note:
    """Something to know or to decide, about a place."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@frozen
class Rewritten:
    """One file before and after."""

    file: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Unified, as `patch -p0` reads it."""
        before, after = _LINE.findall(self.before), _LINE.findall(self.after)
        lines = unified_diff(before, after, self.file, self.file)
        return "".join(map(_ended, lines))


def _ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


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
    work = _Work(root, files, main, key)
    work.run()
    return Migration(tuple(work.rewritten()), tuple(sorted(work.notes, key=_placed)))


def _placed(note: Note) -> tuple[Place, str]:
    return note.place, note.text


@define
class _Work:
    """One migration under way."""

    root: Scope
    files: Files
    main: str
    key: KeySettings | None
    notes: set[Note] = field(factory=set, init=False)
    _pages: dict[str, Page] = field(factory=dict, init=False)
    _converted: set[Place] = field(factory=set, init=False)  # of settings of routes

    def run(self) -> None:
        for setting in _settings(self.root, "routes"):
            self._convert(setting)
        lanes = [case for case in cases(self.root) if case.is_push]
        moving = [case for case in lanes if self._moves(case)]
        staying = [case for case in lanes if _stays(case)]
        self._credentials(moving, staying)
        self._waits(moving, staying)
        self._authorities(moving)
        self._patience(moving)
        self._feedback()

    def rewritten(self) -> Iterator[Rewritten]:
        for file, page in self._pages.items():
            after = page.edited()
            if after != page.text:
                yield Rewritten(file, page.text, after)

    def _page(self, setting: Setting) -> Page:
        file = setting.place.file
        if file not in self._pages:
            text = decode(self.files.read(file), Faults(file))
            self._pages[file] = Page(text)
        return self._pages[file]

    def _note(self, setting: Setting, text: str) -> None:
        self.notes.add(Note(setting.place, text))

    # -- routes ---------------------------------------------------------------------

    def _convert(self, setting: Setting) -> None:
        """Apple's hosts by their successors; others stay as they are."""
        page = self._page(setting)
        for word in page.setting(setting.place.line, setting.place.column).words:
            route = parse_route(word.text, 0)
            host = HOSTS.get(route.host)
            if host is not None and route.scheme in {"", "apn", "http"}:
                page.replace(word, f'"{HTTP2_SCHEME}://{host}?{_query(word.text)}"')
                self._converted.add(setting.place)
            elif route.scheme == "apn":
                text = f"{route.host} is not Apple's: its route stays as it is"
                self._note(setting, text)

    def _moves(self, case: Case) -> bool:
        """Whether a route of it leads to Apple."""
        return _place(case, "routes") in self._converted

    # -- credentials ----------------------------------------------------------------

    def _credentials(self, moving: Sequence[Case], staying: Sequence[Case]) -> None:
        kept = {_place(case, "tls_certificate") for case in staying}
        done: set[Place] = set()
        for case in moving:
            # A pattern leaves to its domains what differs between them.
            if has_key(case.ask) or any(map(case.covers, moving)):
                continue
            certificate = case.ask("tls_certificate").setting
            anchor = certificate if is_certified(case) else case.ask("routes").setting
            if anchor is None or anchor.place in done:
                continue
            done.add(anchor.place)
            if self.key is not None:
                self._take_key(case, anchor, self.key, keep=anchor.place in kept)
            elif anchor is not certificate:
                text = f"{subject(case)} has neither a certificate nor a key"
                self._note(anchor, f"{text}: give --key-file, --key-id and --team-id")
            self._name_topic(case, anchor)

    def _take_key(
        self, case: Case, anchor: Setting, key: KeySettings, *, keep: bool
    ) -> None:
        """The key instead of the certificate, which others may still need."""
        path = _seen_from(anchor.place.file, self.main, key.file)
        self._add(anchor, f'apn_key_file = "{path}"')
        self._add(anchor, f'apn_key_id = "{key.key_id}"')
        self._add(anchor, f'apn_team_id = "{key.team_id}"')
        if keep or anchor.option.name != "tls_certificate":
            return
        self._remove(anchor)
        certificate, private = case.ask("tls_certificate"), case.ask("tls_key")
        if private.setting and private.scope is certificate.scope:
            self._remove(private.setting)
        if certificate.shadowed:
            self._add(anchor, "tls_certificate = none")

    def _name_topic(self, case: Case, anchor: Setting) -> None:
        if case.ask("apn_topic").value:
            return
        topic = None
        if anchor.option.name == "tls_certificate":
            try:
                topic = read_topic(self.files.read(anchor.value))
            except OSError as error:
                reason = error.strerror or type(error).__name__
                self._note(anchor, f"{anchor.value} cannot be read: {reason}")
        if topic is not None:
            self._add(anchor, f'apn_topic = "{topic}"')
            return
        self._note(
            anchor,
            f"which app {subject(case)} is for is not known: add apn_topic with its "
            "bundle id, unless every message brings X-APNs-Topic",
        )

    # -- the rest -------------------------------------------------------------------

    def _waits(self, moving: Sequence[Case], staying: Sequence[Case]) -> None:
        """Windows in which silence meant acceptance are short for answers."""
        name = "delivery_response_timeout"
        kept = {_place(case, name) for case in staying}
        done: set[Place] = set()
        for case in moving:
            setting = case.ask(name).setting
            if setting is None or setting.value >= SHORT_MILLISECONDS:
                continue
            if setting.place in done:
                continue
            done.add(setting.place)
            if setting.place in kept:
                self._note(
                    setting,
                    f"{name} is how long an answer is waited for over HTTP/2, and is "
                    "also the response window of domains that stay: give the others "
                    f"{ANSWER_MILLISECONDS} of their own",
                )
                continue
            page, place = self._page(setting), setting.place
            (word,) = page.setting(place.line, place.column).words
            page.replace(word, str(ANSWER_MILLISECONDS))
            self._note(
                setting,
                f"{name} was how long silence is waited for; over HTTP/2 it is how "
                "long an answer is",
            )

    def _patience(self, moving: Sequence[Case]) -> None:
        for case in moving:
            setting = case.ask("idle_timeout").setting
            if setting is not None and setting.value < IDLE_SECONDS:
                text = "idle_timeout: Apple wants idle connections to be kept"
                kept = f"without it they are over HTTP/2, for {IDLE_SECONDS} seconds"
                self._note(setting, f"{text}; {kept}")

    def _authorities(self, moving: Sequence[Case]) -> None:
        for case in moving:
            trusted = case.ask("tls_ca").setting
            if case.ask("tls_verify").value == "no":
                anchor = case.ask("tls_verify").setting or case.ask("routes").setting
                if anchor is not None:
                    text = 'say tls_verify = "host", so that only Apple is talked to'
                    self._note(anchor, f"{subject(case)}: {text}")
            elif trusted is not None and not self._trusts_apple(trusted.value):
                text = f"{trusted.value} does not hold {APPLES_ROOT}"
                self._note(trusted, f"{text}, by which Apple's hosts are verified")

    def _trusts_apple(self, path: str) -> bool:
        try:
            return path == "none" or trusts_apple(self.files.read(path))
        except OSError:
            return True  # `mcmtpush check` says that it cannot be read

    def _feedback(self) -> None:
        for setting in _settings(self.root, "apn_feedback_route"):
            if parse_route(setting.value, 0).host in FEEDBACK:
                self._remove(setting)
                self._note(
                    setting,
                    "the feedback service is gone: answers over HTTP/2 say which "
                    "tokens are",
                )

    def _add(self, anchor: Setting, line: str) -> None:
        page, place = self._page(anchor), anchor.place
        page.add(page.setting(place.line, place.column), line)

    def _remove(self, setting: Setting) -> None:
        page, place = self._page(setting), setting.place
        page.remove(page.setting(place.line, place.column))


def _seen_from(file: str, main: str, path: str) -> str:
    """A path as `main` would name it, for a file that may lie in another folder."""
    here, there = posixpath.dirname(file), posixpath.dirname(main)
    if here == there or posixpath.isabs(path):
        return path
    return posixpath.relpath(posixpath.join(there, path), here or ".")


def _query(text: str) -> str:
    """The fields of a route, with the port of the other interface."""
    fields = text.partition("?")[2].split("&")
    kept = [one for one in fields if one and not one.lower().startswith("port=")]
    return "&".join(["port=443", *kept])


def _stays(case: Case) -> bool:
    """Whether something of it stays with the binary protocol."""
    routes = (parse_route(text, 0) for text in case.ask("routes").value or ())
    return any(r.scheme != HTTP2_SCHEME and r.host not in HOSTS for r in routes)


def _place(case: Case, name: str) -> Place | None:
    """Where the value of an option comes from."""
    setting = case.ask(name).setting
    return setting.place if setting else None


def _settings(scope: Scope, name: str) -> Iterator[Setting]:
    """All definitions of an option, in every scope."""
    yield from scope.settings.get(name, ())
    for child in scope.children:
        yield from _settings(child, name)
