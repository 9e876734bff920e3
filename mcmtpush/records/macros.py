"""Record formats: text with `%` macros, read once, rendered per record.

Knows how a format is written; what the macros mean is `fields`' business.  The
longest macro name wins (`%ti` before `%t`) and case matters.  What looks like a
macro and is none is an error of the configuration (`check_format`); should it be
rendered nevertheless, it stands in the line as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from mcmtpush.records.fields import (
    ARGUMENT_MACROS,
    FIELDS,
    Field,
    argument_field,
    one_line,
)
from mcmtpush.values import Record


Renderer = Callable[[Record], str]
"""One record as one line, without its line feed."""


def _longest_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=len, reverse=True)


_WITH_ARGUMENT = "|".join(_longest_first(ARGUMENT_MACROS))
_PLAIN = "|".join(
    name + (r"(?!\{)" if name in ARGUMENT_MACROS else "")
    for name in _longest_first(FIELDS)
)
_MACRO = re.compile(
    rf"%(?:(?P<name>{_WITH_ARGUMENT})\{{(?P<argument>[^}}]+)\}}"
    rf"|(?P<plain>{_PLAIN})"
    r"|(?P<percent>%))",
)
_NO_MACRO = re.compile(r"%\w*\{?")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_ANY_DAY = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


def _cut(text: str) -> Iterator[str | Field]:
    """The literal texts and the fields of a format, in order."""
    end = 0
    for match in _MACRO.finditer(text):
        yield text[end : match.start()]
        end = match.end()
        if match["name"]:
            yield argument_field(match["name"], match["argument"])
        else:
            yield FIELDS[match["plain"]] if match["plain"] else "%"
    yield text[end:]


def compile_format(text: str) -> Renderer:
    """The function that renders records by this format; it never raises.

    Values are kept to one line (`fields.one_line`); a tab in the format itself
    stays a tab.
    """
    template, fields = "", []
    for part in _cut(text):
        if isinstance(part, str):
            safe = "\t".join(one_line(piece) for piece in part.split("\t"))
            template += safe.replace("%", "%%")
        else:
            template += "%s"
            fields.append(part)

    def render(record: Record) -> str:
        values = [field(record) for field in fields]
        if not "".join(values).isprintable():
            values = [one_line(value) for value in values]
        return template % tuple(values)

    return render


def check_format(text: str) -> list[str]:
    """What is wrong with a format, one sentence each; empty when it is right.

    Every sentence begins with its place, `column N:`, which counts characters of
    `text` from 1.
    """
    between = _MACRO.sub(lambda match: " " * len(match[0]), text)
    problems = [
        (found.start(), _misspelt(found[0])) for found in _NO_MACRO.finditer(between)
    ]
    problems += [
        (match.start("argument"), problem)
        for match in _MACRO.finditer(text)
        if match["name"] == "t" and (problem := _bad_time(match["argument"]))
    ]
    problems += [
        (found.start(), "a control character would break the line (a tab may stand)")
        for found in _CONTROL.finditer(text)
    ]
    return [f"column {offset + 1}: {problem}" for offset, problem in sorted(problems)]


def _misspelt(found: str) -> str:
    if found == "%":
        return "a percent sign alone; write %% for one"
    if found.endswith("{") and found[1:-1] in ARGUMENT_MACROS:
        return f"{found} needs a text and a closing brace"
    known = [f"%{name}" for name in FIELDS]
    known += [f"%{name}{{...}}" for name in sorted(ARGUMENT_MACROS)]
    return f"unknown macro {found}; there are {' '.join(known)} and %%"


def _bad_time(pattern: str) -> str | None:
    if re.search(r"%[-_0^#]?s", pattern.replace("%%", "")):
        return "strftime's %s is local time; write %t for the epoch's seconds"
    try:
        _ANY_DAY.strftime(pattern)
    except ValueError as error:
        return f"strftime cannot do this: {error}"
    return None
