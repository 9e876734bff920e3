"""The record logs: which record goes to which log, when, and the heartbeats.

Knows loggers and their switches; how a line looks is `macros`' business, how it
gets to the disk `logfile`'s.  Loggers with the same `logfile` share the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.logger import Logger

from mcmtpush.apns.reasons import INVALID_TOKEN
from mcmtpush.config.views import LoggerSettings
from mcmtpush.counters import Counters
from mcmtpush.ports import Clock, Now
from mcmtpush.records.fields import heartbeat
from mcmtpush.records.logfile import ALONE, LogFile
from mcmtpush.records.macros import Renderer, compile_format
from mcmtpush.records.token import TokenEvents, event_of
from mcmtpush.values import Record


if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

log = Logger()


def _is_gone(record: Record) -> bool:
    is_invalid = record.kind == "P" and record.status == INVALID_TOKEN
    return is_invalid and not record.spared


@frozen(eq=False)
class _Log:
    """One enabled logger: its file, and a renderer for each kind it wants."""

    file: LogFile
    renderers: dict[str, Renderer]
    heartbeat: Renderer
    heartbeat_seconds: int

    def lines(self, records: Sequence[Record]) -> tuple[int, bytes]:
        """How many lines of these records belong here, and the lines."""
        wanted = self.renderers
        lines = [
            wanted[record.kind](record) for record in records if record.kind in wanted
        ]
        lines.append("")
        return len(lines) - 1, "\n".join(lines).encode()


def _renderers(settings: LoggerSettings) -> dict[str, Renderer]:
    switches = (
        ("D", settings.log_delivery, settings.log_delivery_format),
        ("T", settings.log_tempfail, settings.log_tempfail_format),
        ("P", settings.log_permfail, settings.log_permfail_format),
    )
    return {kind: compile_format(text) for kind, wanted, text in switches if wanted}


class RecordLogs:
    """All `apn_logger`s behind the `Records` port.

    Args:
        loggers: their settings; those that are not enabled are left out.
        clock: for the heartbeats.
        now: the time of heartbeats.
        tokens: gets an event for every token that a status declared invalid.
        counters: counts `records.written` lines and `records.failures`.
        lock: where several processes write these logs, the one that they share.
        heartbeats: whether this one of them writes the heartbeats.
    """

    def __init__(
        self,
        loggers: Sequence[LoggerSettings],
        *,
        tokens: TokenEvents,
        clock: Clock,
        now: Now,
        counters: Counters,
        lock: AbstractContextManager[object] = ALONE,
        heartbeats: bool = True,
    ) -> None:
        self._lock = lock
        self._heartbeats = heartbeats
        self._tokens = tokens
        self._clock = clock
        self._now = now
        self._counters = counters
        self._files: dict[str, LogFile] = {}
        self._logs = [self._log(logger) for logger in loggers if logger.enabled]
        self._beats: dict[_Log, IDelayedCall] = {}

    def _log(self, settings: LoggerSettings) -> _Log:
        path = settings.logfile
        file = self._files.setdefault(path, LogFile(path, settings.logmode, self._lock))
        return _Log(
            file,
            _renderers(settings),
            compile_format(settings.log_heartbeat_format),
            settings.heartbeat_seconds,
        )

    def start(self) -> str | None:
        """Open every log, start the heartbeats; None, or why one did not open.

        A log that did not open is tried again by every `write` and `flush`.
        """
        reason = self.reopen()
        for each in self._logs:
            if self._heartbeats and each.heartbeat_seconds > 0:
                self._schedule(each)
        return reason

    def write(self, records: Sequence[Record]) -> str | None:
        """See `ports.Records`: one write to the system a file and batch."""
        lines = dict.fromkeys(self._files.values(), b"")
        for each in self._logs:
            count, text = each.lines(records)
            lines[each.file] += text
            self._counters.add("records.written", count)
        told = [file.append(text) for file, text in lines.items()]
        if events := [event_of(record) for record in records if _is_gone(record)]:
            told.append(self._tokens.write(events))
        return self._first(told)

    def flush(self) -> str | None:
        """See `ports.Records`; files are opened anew."""
        told = [file.flush() for file in self._files.values()]
        return self._first([*told, self._tokens.flush()])

    def reopen(self) -> str | None:
        """After a rotation: lines go to whatever the paths lead to now.

        What was kept goes first, to the old file if that takes it.  The reason of a
        failure is also reported to the diagnostics.
        """
        told = [file.open() for file in self._files.values()]
        reason = self._first([*told, self._tokens.reopen()])
        if reason:
            log.error(
                "{reason}. Deliveries wait until it can be written.", reason=reason
            )
        return reason

    def close(self) -> str | None:
        """Stop the heartbeats, write what is kept, close; None or what failed."""
        for call in self._beats.values():
            call.cancel()
        self._beats.clear()
        told = [file.close() for file in self._files.values()]
        reason = self._first([*told, self._tokens.close()])
        if reason:
            log.error("{reason}. Records were lost.", reason=reason)
        return reason

    def _first(self, reasons: Sequence[str | None]) -> str | None:
        failures = [reason for reason in reasons if reason]
        if not failures:
            return None
        self._counters.add("records.failures", len(failures))
        return failures[0]

    def _schedule(self, each: _Log) -> None:
        self._beats[each] = self._clock.callLater(
            each.heartbeat_seconds, self._beat, each
        )

    def _beat(self, each: _Log) -> None:
        """Write an M line; none goes behind lines that wait, lest they pile up."""
        self._schedule(each)
        if each.file.kept:
            reason = each.file.flush()
        else:
            line = each.heartbeat(heartbeat(self._now()))
            reason = each.file.append(f"{line}\n".encode())
        if reason:
            log.error("No heartbeat: {reason}", reason=reason)
