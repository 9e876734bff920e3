"""What queues have together: rates, and numbers of connections.

Whoever falls back to one definition shares it, so there is one object for each
definition and its identity is what is counted by.  Knows no option by name.
"""

from __future__ import annotations

from attrs import define, field

from mcmtpush.config.scopes import Resolved
from mcmtpush.config.tree import Setting
from mcmtpush.config.units import Throttle
from mcmtpush.config.views import LimitSettings, ThrottleSettings


@define(eq=False)
class Shares:
    """The shared objects of one configuration, made when first asked for."""

    # By the identity of the definition, which is kept lest its id be used again.
    _throttles: dict[int, tuple[Setting, ThrottleSettings]] = field(factory=dict)
    _limits: dict[int, tuple[Setting, LimitSettings]] = field(factory=dict)

    def throttle(self, found: Resolved) -> ThrottleSettings | None:
        """The rate that was found; None when it is not set or 0."""
        value, setting = found.value, found.setting
        if setting is None or not isinstance(value, Throttle) or not value.count:
            return None
        known = self._throttles.get(id(setting))
        if known is None:
            known = setting, ThrottleSettings(value.count, float(value.per_seconds))
            self._throttles[id(setting)] = known
        return known[1]

    def limit(self, found: Resolved) -> LimitSettings | None:
        """The number that was found; None when it is not set or negative."""
        setting = found.setting
        if setting is None or found.value < 0:
            return None
        known = self._limits.get(id(setting))
        if known is None:
            known = setting, LimitSettings(found.value)
            self._limits[id(setting)] = known
        return known[1]
