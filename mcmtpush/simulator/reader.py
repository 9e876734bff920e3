"""A script's JSON text to its values, with everything that is wrong with it.

The format is documented for users in `docs/reference/simulator.md` and is one of the
program's promises; its words are in `vocabulary`, what they become in `script`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import orjson
from attrs import evolve

from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.simulator.provider.reason import STATUS
from mcmtpush.simulator.script import Action, Answer, Http2, Rule, Script
from mcmtpush.simulator.vocabulary import (
    ANSWER,
    APN,
    BOTH,
    HTTP2,
    NEEDED,
    OCCASION,
    ONLY_FOR,
    RULE,
    SCRIPT,
    Fault,
    Table,
    speakers,
)


DEFAULT_PATIENCE_SECONDS: Final = 5.0
"""How long an answer waits for the frames of `behind` when no delay is given."""


def read_script(text: bytes, file: str = "script") -> Script:
    """A script from its JSON text.

    Raises `ConfigErrors` with everything that is wrong; `option` is the place
    inside the script, such as `rules[2].status`.
    """
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = (error.lineno, error.colno)
        raise ConfigErrors([ConfigError(error.msg, file, *place)]) from error
    reader = _Reader(file)
    script = reader.read_script(content)
    if reader.errors:
        raise ConfigErrors(reader.errors)
    return script


class _Reader:
    """Walks the JSON value and collects every fault with its place."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.errors: list[ConfigError] = []

    def read_script(self, content: Any) -> Script:
        if not self._is_object(content, ""):
            return Script()
        own = {**content}
        shared, rules = own.pop("answer", {}), own.pop("rules", [])
        http2 = own.pop("http2", {})
        values = self._read(own, SCRIPT, "", also=("answer", "http2", "rules"))
        answer = self._read_answer(shared)
        if self._is_object(http2, "http2"):
            values["http2"] = Http2(**self._read(http2, HTTP2, "http2."))
        if type(rules) is not list:
            self._report("rules", "is to be a list of rules")
            rules = []
        read = [self._read_rule(rule, at, answer) for at, rule in enumerate(rules)]
        return Script(
            **values, answer=answer, rules=tuple(rule for rule in read if rule)
        )

    def _read_answer(self, content: Any) -> Answer:
        if not self._is_object(content, "answer"):
            return Answer()
        return _patient(Answer(**self._read(content, ANSWER, "answer.")))

    def _read_rule(self, content: Any, at: int, answer: Answer) -> Rule | None:
        place = f"rules[{at}]"
        if not self._is_object(content, place):
            return None
        before = len(self.errors)
        own = {key: value for key, value in content.items() if key not in ANSWER}
        values = self._read(own, RULE, f"{place}.", also=tuple(ANSWER))
        differing = {key: content[key] for key in content if key in ANSWER}
        changes = self._read(differing, ANSWER, f"{place}.")
        self._check_rule(content, place)
        if len(self.errors) > before:
            return None
        values["action"] = Action(values["action"])
        values["protocols"] = _speakers(content, values)
        return Rule(**values, answer=_patient(evolve(answer, **changes)))

    def _check_rule(self, content: Mapping[str, Any], place: str) -> None:
        occasions = [name for name in OCCASION if name in content]
        if len(occasions) != 1:
            found = " and ".join(occasions) or "none"
            wanted = ", ".join(OCCASION)
            self._report(place, f"needs exactly one of {wanted}; there is {found}")
        if "do" not in content:
            self._report(place, "says nothing to do, add do")
        for name, actions in ONLY_FOR.items():
            if name in content and content.get("do") not in actions:
                allowed = " or ".join(actions)
                self._report(f"{place}.{name}", f"goes with do = {allowed} only")
        if content.get("do") == "refuse":
            self._check_status(content, place)
        for name in ("counting", "span"):
            if name in content and not {"every", "after"} & content.keys():
                self._report(f"{place}.{name}", "goes with every or after only")
        self._check_needs(content, place)
        self._check_protocol(content, place)

    def _check_status(self, content: Mapping[str, Any], place: str) -> None:
        if content.get("status") == 10:
            self._report(
                f"{place}.status",
                "10 names the last good frame, use do = shutdown for it",
            )
        reason = content.get("reason")
        if "status" not in content and reason is None:
            self._report(place, "refuses without a status, add status")
        unknown = type(reason) is str and reason not in STATUS
        if unknown and "http_status" not in content:
            text = _unknown(str(reason), tuple(STATUS), "is no reason of Apple's")
            self._report(f"{place}.reason", f"{text} (add http_status to send it)")

    def _check_needs(self, content: Mapping[str, Any], place: str) -> None:
        needed = NEEDED.get(str(content.get("do")))
        if needed and needed not in content:
            self._report(place, f"says nothing without {needed}, add {needed}")

    def _check_protocol(self, content: Mapping[str, Any], place: str) -> None:
        if content.get("protocol") == APN and APN not in speakers(content):
            text = "the rule has names that only apn2 understands"
            self._report(f"{place}.protocol", text)

    def _read(
        self,
        content: Mapping[str, Any],
        table: Table,
        prefix: str,
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Attributes of all that can be read; names in `also` are known as well."""
        values = {}
        for name, value in content.items():
            if name not in table:
                self._report(prefix + name, _unknown(name, (*table, *also)))
                continue
            attribute, read = table[name]
            try:
                values[attribute] = read(value)
            except Fault as fault:
                shown = orjson.dumps(value).decode()[:40]
                self._report(prefix + name, f"{shown} is no use here, give {fault}")
        return values

    def _is_object(self, content: Any, place: str) -> bool:
        if type(content) is dict:
            return True
        self._report(place, "is to be an object")
        return False

    def _report(self, place: str, text: str) -> None:
        name = place or "the script"
        self.errors.append(ConfigError(f"{name}: {text}", self._file, option=place))


def _speakers(content: Mapping[str, Any], values: Mapping[str, Any]) -> frozenset[str]:
    said: frozenset[str] = values.get("protocols", BOTH)
    return speakers(content) & said


def _patient(answer: Answer) -> Answer:
    if answer.behind and not answer.delay_seconds:
        return evolve(answer, delay_seconds=DEFAULT_PATIENCE_SECONDS)
    return answer


def _unknown(name: str, known: tuple[str, ...], what: str = "unknown name") -> str:
    near = get_close_matches(name, known, n=1)
    return f"{what}, did you mean {near[0]}?" if near else what
