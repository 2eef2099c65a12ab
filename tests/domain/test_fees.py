"""Fee schedules: who traded more pays less."""

from typing import Any

import pytest
from examples import BUY, SECOND, accounts_with, balance, deposit, fill, place, units
from machines import Machine, of_type

from domain.fees import DAY_NS, TIERS_MAX, WINDOW_DAYS, charged_by
from domain.instruments import FEE_RATE_MAX
from schemas.accounts import AssignFeeSchedule, FeeTier, OrderEvent, SetFeeSchedule
from schemas.enums import ReasonCode
from schemas.order_books import EnterLimitOrder, EnterOrder
from schemas.wire import NANOS

PERCENT = NANOS // 100
TIERS = (FeeTier(0, PERCENT, 2 * PERCENT), FeeTier(units(100), 0, PERCENT))


def schedule(*tiers: FeeTier, name: str = "gold", asset: str = "USDT") -> SetFeeSchedule:
    return SetFeeSchedule(name, asset, tiers or TIERS, command_id=f"schedule {name}")


def assigned(name: str = "gold", account: str = "ann") -> AssignFeeSchedule:
    return AssignFeeSchedule(account, name, command_id=f"{name} for {account}")


def golden(*given: Any) -> Machine:
    """Ann has 1000 USDT and pays by the schedule; the instrument's own rates are 3 %."""
    rates = {"maker_fee_rate": 3 * PERCENT, "taker_fee_rate": 3 * PERCENT}
    return accounts_with(deposit(1000), schedule(), assigned(), *given, **rates)


def rates(machine: Machine, order: str, at: int = 0) -> tuple[int, int]:
    (entered,) = of_type(machine.run(place(order, BUY, 10, 2), at=at), EnterLimitOrder, EnterOrder)
    return entered.maker_fee_rate, entered.taker_fee_rate


def test_an_account_without_a_schedule_pays_what_the_instrument_says() -> None:
    accounts = accounts_with(deposit(1000), schedule(), maker_fee_rate=7, taker_fee_rate=8)
    assert rates(accounts, "1") == (7, 8)


def test_an_account_with_a_schedule_pays_by_its_tier_and_holds_what_that_may_cost() -> None:
    accounts = golden()
    assert rates(accounts, "1") == (PERCENT, 2 * PERCENT)
    assert balance(accounts) == (1000, 20.4)


def test_who_traded_enough_in_thirty_days_gets_the_next_tier_until_they_have_passed() -> None:
    accounts = golden(place("1", BUY, 50, 2))
    accounts.run(fill("1", 49, 2, 1))
    assert rates(accounts, "2") == (PERCENT, 2 * PERCENT)
    accounts.run(fill("1", 1, 2, 0, trade="200"), at=5 * SECOND)
    assert rates(accounts, "3") == (0, PERCENT)
    assert rates(accounts, "4", at=WINDOW_DAYS * DAY_NS - 1) == (0, PERCENT)
    assert rates(accounts, "5", at=WINDOW_DAYS * DAY_NS) == (PERCENT, 2 * PERCENT)


def test_the_tier_at_entry_holds_for_the_order() -> None:
    accounts = golden(place("1", BUY, 10, 2), assigned(""))
    assert accounts.state.orders.get("1").fee_rate_max == 2 * PERCENT
    assert rates(accounts, "2") == (3 * PERCENT, 3 * PERCENT)


def test_a_schedule_of_another_asset_changes_nothing_here() -> None:
    accounts = golden(schedule(name="euro", asset="EUR"), assigned("euro"))
    assert rates(accounts, "1") == (3 * PERCENT, 3 * PERCENT)


def test_what_an_account_traded_is_kept_for_thirty_days_and_no_longer() -> None:
    accounts = golden(place("1", BUY, 400, 2))
    for day in range(40):
        accounts.run(fill("1", 10, 2, 390 - 10 * day, trade=str(100 * day + 100)), at=day * DAY_NS)
    row = accounts.state.traded_values.get("ann|USDT")
    assert [day for day, _ in row.days] == list(range(10, 40))
    tables = (accounts.state.fee_schedules, accounts.state.traded_values)
    found = charged_by(*tables, "ann", "gold", 39 * DAY_NS)
    assert found is not None
    assert (found.asset, found.traded_value) == ("USDT", units(600))


def test_a_schedule_may_change_and_an_unknown_one_cannot_be_assigned() -> None:
    accounts = golden(schedule(FeeTier(0, 5, 6)))
    assert rates(accounts, "1") == (5, 6)
    accounts.run_all([assigned("silver"), assigned("gold", "nobody")])
    outcomes = [accounts.state.outcomes.get(f"{name}").reason_code for name in ("silver for ann", "gold for nobody")]
    assert outcomes == [ReasonCode.UNKNOWN_FEE_SCHEDULE, ReasonCode.UNKNOWN_ACCOUNT]
    assert rates(accounts, "2") == (5, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        schedule(FeeTier(1, 0, 0)),
        schedule(FeeTier(0, 0, 0), FeeTier(0, 0, 0)),
        schedule(FeeTier(0, 0, 0), FeeTier(2, 0, 0), FeeTier(1, 0, 0)),
        schedule(FeeTier(0, -1, 0)),
        schedule(FeeTier(0, 0, FEE_RATE_MAX + 1)),
        schedule(*[FeeTier(number, 0, 0) for number in range(TIERS_MAX + 1)]),
        schedule(name="no name | at all"),
        schedule(asset=""),
        SetFeeSchedule("gold", "USDT", (), command_id="schedule gold"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: SetFeeSchedule) -> None:
    accounts = accounts_with(wrong)
    assert accounts.state.fee_schedules.get(wrong.schedule) is None
    assert accounts.state.outcomes.get(wrong.command_id).reason_code is ReasonCode.AMOUNT_OUT_OF_RANGE


def test_orders_of_a_refused_account_say_so_whatever_its_schedule() -> None:
    (refused,) = of_type(golden().run(place("1", BUY, 0, 2)), OrderEvent)
    assert refused.reason_code is ReasonCode.BAD_QUANTITY
