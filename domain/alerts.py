"""Alerts: a user wants to hear when a value comes above or below a threshold.

An alert is armed until a value lies beyond its threshold, strictly; then it is triggered, once, and armed again when a
value lies at the threshold or on the other side. One that is laid down while the value lies beyond is triggered by the
next value. Values that come too late, in event time, are heard by nobody.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from domain.market_quotes import Best
from domain.state import Table
from schemas.enums import Comparison
from schemas.market_data import AlertRemoved, AlertSet, AlertTriggered, RemoveAlert, SetAlert

ALERTS_MAX = 10_000
"""Of one shard: all that can be triggered by one record must fit into a record of its changelog."""
ALERTS_OF_USER_MAX = 100
"""Of one user, for one instrument."""
OF_BOTH_SIDES = frozenset({"bid", "ask", "spread"})
BEYOND_ALL = 10**40
"""No value is as large: an end of an interval that is open there."""


class Alert(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One alert. The threshold is in nanos of the measure's unit."""

    user_id: str
    symbol: str
    measure: str
    comparison: Comparison
    threshold: int
    is_armed: bool = True
    count: int = 0
    """How many times it was triggered."""
    triggered_at: int = 0
    """The last time, in event time."""

    @property
    def acts_above(self) -> bool:
        """Whether it waits for a value above a bound, and not for one below."""
        return self.is_armed == (self.comparison is Comparison.ABOVE)

    @property
    def bound(self) -> int:
        """The last value at which nothing happens."""
        if self.is_armed:
            return self.threshold
        return self.threshold + 1 if self.comparison is Comparison.ABOVE else self.threshold - 1


class AlertRearmed(msgspec.Struct, frozen=True, gc=False):
    """The value is back: the alert may be triggered again. Not sent."""

    alert_id: str


Event = AlertSet | AlertRemoved | AlertTriggered | AlertRearmed


Bound = tuple[int, str]
"""The last value at which an alert does nothing, and its id."""


class Watch:
    """The alerts on one measure of one instrument, and the values at which none of them does anything."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self._above: list[Bound] = []
        self._below: list[Bound] = []
        self.low, self.high = -BEYOND_ALL, BEYOND_ALL

    def put(self, alert_id: str, alert: Alert | None) -> None:
        """Adds, changes or removes one."""
        before = self.alerts.pop(alert_id, None)
        if before is not None:
            bounds = self._side(before)
            del bounds[bisect_left(bounds, (before.bound, alert_id))]
        if alert is not None:
            self.alerts[alert_id] = alert
            insort(self._side(alert), (alert.bound, alert_id))
        self.low = self._below[-1][0] if self._below else -BEYOND_ALL
        self.high = self._above[0][0] if self._above else BEYOND_ALL

    def _side(self, alert: Alert) -> list[Bound]:
        return self._above if alert.acts_above else self._below

    def acting(self, value: int) -> list[str]:
        """The alerts that do something at the value, in order of their ids."""
        above = self._above[: bisect_left(self._above, (value, ""))]
        below = self._below[bisect_left(self._below, (value + 1, "")) :]
        return sorted([alert_id for _, alert_id in (*above, *below)])


class Alerts:
    """The alerts of a shard by what they watch: derived from the rows."""

    def __init__(self, rows: Table[Alert]) -> None:
        self.rows = rows
        self.counts: Counter[tuple[str, str]] = Counter()
        """How many each user has, by instrument and user."""
        self.count = 0
        self.watched: dict[str, dict[str, Watch]] = {}
        """Of each instrument that has alerts, by measure."""
        for alert_id, alert in rows.scan():
            self._index(alert_id, alert, alert)
            self._counted(alert, 1)

    def put(self, alert_id: str, alert: Alert | None) -> None:
        """Writes or deletes a row."""
        before = self.rows.get(alert_id)
        if alert is None:
            self.rows.delete(alert_id)
        else:
            self.rows.put(alert_id, alert)
        if before is not None and (alert is None or (before.symbol, before.measure) != (alert.symbol, alert.measure)):
            self._index(alert_id, None, before)
        if alert is not None:
            self._index(alert_id, alert, alert)
        if before is None and alert is not None:
            self._counted(alert, 1)
        elif before is not None and alert is None:
            self._counted(before, -1)

    def _counted(self, alert: Alert, change: int) -> None:
        owner = (alert.symbol, alert.user_id)
        self.count += change
        self.counts[owner] += change
        if not self.counts[owner]:
            del self.counts[owner]

    def _index(self, alert_id: str, alert: Alert | None, where: Alert) -> None:
        measures = self.watched.setdefault(where.symbol, {})
        watch = measures.setdefault(where.measure, Watch())
        watch.put(alert_id, alert)
        if not watch.alerts:
            del measures[where.measure]
        if not measures:
            del self.watched[where.symbol]

    def has_room(self, symbol: str, user_id: str) -> bool:
        """Whether one more may be there."""
        return self.count < ALERTS_MAX and self.counts[symbol, user_id] < ALERTS_OF_USER_MAX


def set_alert(alerts: Alerts, command: SetAlert) -> Iterator[Event]:
    """Lays an alert down. Nothing happens where there are too many, or the id is that of somebody else's alert."""
    known = alerts.rows.get(command.alert_id)
    if known is None and not alerts.has_room(command.symbol, command.user_id):
        return
    if known is not None and (known.user_id, known.symbol) != (command.user_id, command.symbol):
        return
    yield AlertSet(
        command.alert_id, command.user_id, command.symbol, command.measure, command.comparison, command.threshold
    )


def remove_alert(alerts: Alerts, command: RemoveAlert) -> Iterator[Event]:
    """Ends an alert; one that is not there has ended."""
    known = alerts.rows.get(command.alert_id)
    if known is not None:
        yield AlertRemoved(command.alert_id, known.user_id, known.symbol)


def are_quiet(watches: Mapping[str, Watch], best: Best) -> bool:
    """Whether no alert on prices does anything at these."""
    for measure, value in (("price", best.last), ("bid", best.bid), ("ask", best.ask)):
        watch = watches.get(measure)
        if watch is not None and value is not None and not watch.low <= value <= watch.high:
            return False
    watch = watches.get("spread")
    if watch is None or best.bid is None or best.ask is None:
        return True
    return watch.low <= best.ask - best.bid <= watch.high


def are_quiet_at(watches: Mapping[str, Watch], prices: list[int]) -> bool:
    """Whether no alert does anything while the latest trade is at these, and nobody quotes."""
    if not watches.keys().isdisjoint(OF_BOTH_SIDES):
        return False
    watch = watches.get("price")
    return watch is None or (watch.low <= min(prices) and max(prices) <= watch.high)


def heard(alerts: Alerts, symbol: str, measure: str, value: int, at: int) -> list[Event]:
    """What a value brings about: nothing, and at no cost, while it lies where all are quiet."""
    watch = alerts.watched[symbol].get(measure)
    if watch is None or watch.low <= value <= watch.high:
        return []
    acting = [(alert_id, watch.alerts[alert_id]) for alert_id in watch.acting(value)]
    return [_triggered(name, alert, value, at) if alert.is_armed else AlertRearmed(name) for name, alert in acting]


def _triggered(alert_id: str, alert: Alert, value: int, at: int) -> AlertTriggered:
    return AlertTriggered(
        alert_id,
        alert.user_id,
        alert.symbol,
        alert.measure,
        alert.comparison,
        alert.threshold,
        value,
        at,
        alert.count + 1,
    )


def evolve(alerts: Alerts, event: Event) -> None:
    """Brings the event into the rows."""
    known = alerts.rows.get(event.alert_id)
    match event:
        case AlertSet():
            count, triggered_at = (known.count, known.triggered_at) if known is not None else (0, 0)
            terms = (event.user_id, event.symbol, event.measure, event.comparison, event.threshold)
            alerts.put(event.alert_id, Alert(*terms, is_armed=True, count=count, triggered_at=triggered_at))
        case AlertRemoved():
            alerts.put(event.alert_id, None)
        case AlertTriggered():
            assert known is not None
            changes = {"is_armed": False, "count": event.count, "triggered_at": event.observed_at}
            alerts.put(event.alert_id, msgspec.structs.replace(known, **changes))
        case AlertRearmed():
            assert known is not None
            alerts.put(event.alert_id, msgspec.structs.replace(known, is_armed=True))
