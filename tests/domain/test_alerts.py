"""Alerts: triggered once at the edge, armed again when the value is back."""

from random import Random
from typing import Any

from examples import units
from machines import Table

from domain import alerts as machine
from domain.alerts import ALERTS_MAX, ALERTS_OF_USER_MAX, Alert, Alerts
from schemas.enums import Comparison
from schemas.market_data import AlertTriggered, RemoveAlert, SetAlert

ABOVE, BELOW = Comparison.ABOVE, Comparison.BELOW


class Desk:
    """Alerts over rows in memory."""

    def __init__(self) -> None:
        self.table = Table([], {})
        self.alerts = Alerts(self.table)

    def set(self, alert_id: str, comparison: Comparison, threshold: Any, **changes: Any) -> list[Any]:
        terms = {"user_id": "ann", "symbol": "AAPL", "measure": "price"} | changes
        command = SetAlert(alert_id, comparison=comparison, threshold=units(threshold), **terms)
        return self._evolved(machine.set_alert(self.alerts, command))

    def remove(self, alert_id: str) -> list[Any]:
        return self._evolved(machine.remove_alert(self.alerts, RemoveAlert(alert_id, "AAPL")))

    def heard(self, *values: Any) -> list[tuple[str, int]]:
        """Triggered alerts, each with its count."""
        found = []
        for at, value in enumerate(values):
            if "AAPL" in self.alerts.watched:
                found += self._evolved(machine.heard(self.alerts, "AAPL", "price", units(value), at))
        return [(event.alert_id, event.count) for event in found if type(event) is AlertTriggered]

    def _evolved(self, events: Any) -> list[Any]:
        found = []
        for event in events:
            machine.evolve(self.alerts, event)
            found.append(event)
        return found


def test_an_alert_is_triggered_once_and_again_after_the_value_was_back() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    assert desk.heard(100, 104, 105) == []
    assert desk.heard(106) == [("a", 1)]
    assert desk.heard(108, 105.5) == []
    assert desk.heard(104, 106) == [("a", 2)]


def test_below_is_the_mirror_of_above() -> None:
    desk = Desk()
    desk.set("a", BELOW, 95)
    assert desk.heard(96, 95) == []
    assert desk.heard(94, 90) == [("a", 1)]
    assert desk.heard(95, 94) == [("a", 2)]


def test_the_value_at_the_threshold_is_not_beyond_it_and_arms_again() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    assert desk.heard(105.000000001, 105, 105.000000001) == [("a", 1), ("a", 2)]


def test_an_alert_that_is_changed_is_armed_and_keeps_its_count() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    assert desk.heard(106) == [("a", 1)]
    desk.set("a", ABOVE, 107)
    assert desk.heard(106, 108) == [("a", 2)]
    desk.set("a", BELOW, 200, measure="bid")
    assert desk.heard(50, 500) == []


def test_what_was_removed_is_silent_and_removing_it_again_changes_nothing() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    assert len(desk.remove("a")) == 1
    assert desk.remove("a") == []
    assert desk.alerts.watched == {}
    assert desk.heard(106) == []


def test_nobody_changes_the_alert_of_somebody_else() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    assert desk.set("a", ABOVE, 1, user_id="bob") == []
    assert desk.heard(50) == []


def test_one_user_has_so_many_alerts_on_an_instrument_and_others_have_theirs() -> None:
    desk = Desk()
    for number in range(ALERTS_OF_USER_MAX):
        assert desk.set(f"a{number}", ABOVE, 105)
    assert desk.set("one more", ABOVE, 105) == []
    assert desk.set("a0", ABOVE, 106)
    assert desk.set("b", ABOVE, 105, user_id="bob")


def test_a_shard_has_so_many_alerts_and_one_value_may_trigger_all_of_them() -> None:
    desk = Desk()
    for number in range(ALERTS_MAX):
        assert desk.set(f"{number:05}", ABOVE, 105, user_id=f"{number // ALERTS_OF_USER_MAX}")
    desk.alerts = Alerts(desk.table)
    assert desk.set("one more", ABOVE, 105, symbol="MSFT", user_id="bob") == []
    assert desk.set("00000", ABOVE, 106, user_id="0")
    assert desk.heard(107, 108) == [(f"{number:05}", 1) for number in range(ALERTS_MAX)]
    desk.remove("00000")
    assert desk.set("one more", ABOVE, 105, symbol="MSFT", user_id="bob")


def test_each_alert_tells_what_an_alert_alone_would_tell() -> None:
    rng = Random(7)
    desk, alone = Desk(), {}
    for number in range(60):
        terms = (rng.choice((ABOVE, BELOW)), rng.randrange(90, 110))
        desk.set(f"{number}", *terms)
        alone[f"{number}"] = Desk()
        alone[f"{number}"].set(f"{number}", *terms)
    for _ in range(500):
        value = rng.randrange(85, 115)
        expected = [found for name in sorted(alone) for found in alone[name].heard(value)]
        assert desk.heard(value) == expected


def test_alerts_go_on_from_their_rows() -> None:
    desk = Desk()
    desk.set("a", ABOVE, 105)
    desk.heard(106)
    again = Desk()
    again.table.rows = dict(desk.table.rows)
    again.alerts = Alerts(again.table)
    assert again.heard(107) == []
    assert again.heard(105, 106) == [("a", 2)]
    assert type(desk.table.rows["a"]) is Alert
