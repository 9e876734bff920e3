"""What queues have together: rates, and numbers of connections.

Whoever falls back to one definition shares it.  A definition is an option of a stanza,
whatever its value and wherever it stands: it is the same one when the files are read
again, so that what was counted before still counts.  Knows no option by name.
"""

from __future__ import annotations

from collections.abc import Hashable

from attrs import define, field

from mcmtpush.config.instances import instance_key
from mcmtpush.config.options import SCOPES
from mcmtpush.config.scopes import Resolved
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.units import Throttle
from mcmtpush.config.views import LimitSettings, ThrottleSettings


def _address(scope: Scope) -> tuple[Hashable, ...]:
    """The same for one stanza in every reading of its file."""
    if scope.parent is None:
        return ()
    key = instance_key(SCOPES[scope.kind], scope.name)
    return (*_address(scope.parent), scope.kind, key)


def _definition(found: Resolved, setting: Setting) -> Hashable:
    if found.scope is None:
        return id(setting)
    return (*_address(found.scope), setting.option.name)


@define(eq=False)
class Shares:
    """The shared objects of one configuration, made when first asked for."""

    # The settings are kept lest the id of one be used again.
    _throttles: dict[Hashable, tuple[Setting, ThrottleSettings]] = field(factory=dict)
    _limits: dict[Hashable, tuple[Setting, LimitSettings]] = field(factory=dict)

    def throttle(self, found: Resolved) -> ThrottleSettings | None:
        """The rate that was found; None when it is not set or 0."""
        value, setting = found.value, found.setting
        if setting is None or not isinstance(value, Throttle) or not value.count:
            return None
        key = _definition(found, setting)
        if key not in self._throttles:
            rate = ThrottleSettings(value.count, float(value.per_seconds), key)
            self._throttles[key] = setting, rate
        return self._throttles[key][1]

    def limit(self, found: Resolved) -> LimitSettings | None:
        """The number that was found; None when it is not set or negative."""
        setting = found.setting
        if setting is None or found.value < 0:
            return None
        key = _definition(found, setting)
        if key not in self._limits:
            self._limits[key] = setting, LimitSettings(found.value, key)
        return self._limits[key][1]
