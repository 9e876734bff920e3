"""Provider tokens from key files, which are read again when they change.

What a token is, and when another is made, is said in `apns.bearer`; here are the
files and the operator.  A new file that cannot be used is told, and the key that was
read before goes on.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field
from twisted.logger import Logger

from mcmtpush.apns.bearer import SKEW_SECONDS, Instant, Mint, Minter, read_skew
from mcmtpush.config.views import KeySettings
from mcmtpush.errors import ConfigError
from mcmtpush.files import DiskFiles, stamp
from mcmtpush.ports import Clock, Files, Now


SILENCE_SECONDS: Final = 600.0
"""An operator is told of clocks that differ once in so long."""

_log = Logger()


@define(eq=False)
class KeyFile:
    """Makes the tokens of one key; a `desk.Credential`."""

    settings: KeySettings
    mint: Mint
    clock: Clock
    now: Now
    files: Files = field(factory=DiskFiles)
    _minter: Minter | None = field(init=False, default=None)
    _stamp: object = field(init=False, default=None)
    _told_at: float | None = field(init=False, default=None)

    def bearer(self) -> bytes:
        """The value of `authorization` for a new connection; raises ConfigError."""
        return self._current().bearer(self._instant())

    def is_old(self, bearer: bytes) -> bool:
        """Whether connections with this value should hand over to others."""
        return self._current().is_old(bearer, self._instant())

    def renew(self, bearer: bytes) -> None:
        """Apple calls this value expired or wrong: make another, unless too soon."""
        self._current().renew(bearer, self._instant())

    def note_date(self, date: bytes) -> None:
        """What the peer's clock says: tell the operator if ours differs much."""
        skew = read_skew(date, self.now())
        if skew is None or abs(skew) < SKEW_SECONDS:
            return
        at = self.clock.seconds()
        if self._told_at is None or at - self._told_at >= SILENCE_SECONDS:
            self._told_at = at
            _log.critical(
                "the clock of this machine is {seconds} seconds {way} Apple's: set "
                "it right, or provider tokens are refused",
                seconds=round(abs(skew)),
                way="ahead of" if skew > 0 else "behind",
            )

    def _instant(self) -> Instant:
        return Instant(self.now(), self.clock.seconds())

    def _current(self) -> Minter:
        """Of the file as it is now; raises ConfigError if there never was a key."""
        found = stamp(self.settings.file)
        if self._minter is None:
            self._minter = self._read()
        elif found != self._stamp:
            try:
                self._minter = self._read()
            except ConfigError as error:
                _log.error(
                    "{fault}; provider tokens are made with the key that was read "
                    "before, until the file is corrected",
                    fault=error.message,
                )
        self._stamp = found
        return self._minter

    def _read(self) -> Minter:
        settings, path = self.settings, self.settings.file
        try:
            key = self.files.read(path)
        except OSError as error:
            raise ConfigError(
                f"apn_key_file: {path} cannot be read: {error.strerror}",
                path,
                option="apn_key_file",
            ) from error
        return self.mint.minter(
            key, key_id=settings.key_id, team_id=settings.team_id, file=path
        )


@define(eq=False)
class KeyFiles:
    """All key files of a process: who has the same key shares its tokens."""

    clock: Clock
    now: Now
    _mint: Mint = field(init=False, factory=Mint)
    _files: dict[KeySettings, KeyFile] = field(init=False, factory=dict)

    def of(self, settings: KeySettings | None) -> KeyFile | None:
        """The one of these settings; None without a key."""
        if settings is None:
            return None
        if settings not in self._files:
            self._files[settings] = KeyFile(settings, self._mint, self.clock, self.now)
        return self._files[settings]
