"""What an account pays in fees: the rates of the instrument, or those of a schedule that it was given.

A schedule has tiers: the more an account traded in the last 30 days, the less it pays. What it traded counts from the
day on which it got the schedule, in the schedule's asset alone: values in other assets are not converted, and orders in
instruments with another quote asset pay the instrument's rates. The tier at the entry of an order holds until it ends.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from domain.account_rows import Event, State
from domain.fee_rows import FeeSchedule, FeeScheduleAssigned, FeeScheduleSet, Tier, TradedValue, ValueTraded
from domain.instruments import FEE_RATE_MAX, Instrument
from domain.ledger import answer
from domain.money import AMOUNT_MAX
from domain.names import is_name
from domain.state import Table
from schemas.accounts import AssignFeeSchedule, SetFeeSchedule
from schemas.enums import ReasonCode

DAY_NS = 86_400 * 10**9
WINDOW_DAYS = 30
"""Today and the 29 days before, UTC."""
TIERS_MAX = 20


class Charged(NamedTuple):
    """What an account pays now in instruments that are paid in the schedule's asset."""

    asset: str
    traded_value: int
    tier: Tier


def schedule_fault(command: SetFeeSchedule) -> str | None:
    """What is wrong with a schedule; None where nothing is."""
    tiers = command.tiers
    starts = [tier.traded_value_min for tier in tiers]
    if not (is_name(command.schedule) and is_name(command.asset)):
        return "schedule and asset are names"
    if not 0 < len(tiers) <= TIERS_MAX or starts != sorted(set(starts)) or starts[0] or starts[-1] > AMOUNT_MAX:
        return f"1 to {TIERS_MAX} tiers, the first from a traded value of zero on, each from a higher one than the last"
    rates = [rate for tier in tiers for rate in (tier.maker_fee_rate, tier.taker_fee_rate)]
    return None if all(0 <= rate <= FEE_RATE_MAX for rate in rates) else "fee rates lie between zero and one half"


def set_schedule(state: State, command: SetFeeSchedule) -> Iterator[Event]:
    """A schedule is like this from now on, for orders that come."""
    fault = schedule_fault(command)
    if fault is None:
        tiers = tuple(Tier(each.traded_value_min, each.maker_fee_rate, each.taker_fee_rate) for each in command.tiers)
        yield FeeScheduleSet(command.schedule, FeeSchedule(command.asset, tiers))
    yield from answer(state, command.command_id, "", None if fault is None else ReasonCode.AMOUNT_OUT_OF_RANGE)


def assign(state: State, command: AssignFeeSchedule) -> Iterator[Event]:
    """An account pays by a schedule from now on, or by none."""
    reason = None
    if state.accounts.get(command.account_id) is None:
        reason = ReasonCode.UNKNOWN_ACCOUNT
    elif command.schedule and state.fee_schedules.get(command.schedule) is None:
        reason = ReasonCode.UNKNOWN_FEE_SCHEDULE
    else:
        yield FeeScheduleAssigned(command.account_id, command.schedule)
    yield from answer(state, command.command_id, "", reason)


def charged_by(
    schedules: Table[FeeSchedule], traded_values: Table[TradedValue], account_id: str, name: str, now: int
) -> Charged | None:
    """What an account with the schedule of that name pays now; None where it has none."""
    schedule = schedules.get(name) if name else None
    if schedule is None:
        return None
    row = traded_values.get(f"{account_id}|{schedule.asset}") or TradedValue()
    value = sum(value for _, value in _within(row, now // DAY_NS))
    tier = [tier for tier in schedule.tiers if tier.traded_value_min <= value][-1]
    return Charged(schedule.asset, value, tier)


def instrument_for(state: State, account_id: str, schedule: str, instrument: Instrument) -> Instrument:
    """The instrument with the rates that the account pays."""
    found = charged_by(state.fee_schedules, state.traded_values, account_id, schedule, state.now)
    if found is None or found.asset != instrument.quote:
        return instrument
    _, maker, taker = msgspec.structs.astuple(found.tier)
    return msgspec.structs.replace(instrument, maker_fee_rate=maker, taker_fee_rate=taker)


def after_trade(row: TradedValue, value: int, now: int) -> TradedValue:
    """What an account traded, day by day, with one more trade; days that no longer count are dropped."""
    today = now // DAY_NS
    days = dict(_within(row, today))
    days[today] = days.get(today, 0) + value
    return TradedValue(tuple(sorted(days.items())))


def _within(row: TradedValue, today: int) -> list[tuple[int, int]]:
    return [(day, value) for day, value in row.days if day > today - WINDOW_DAYS]


def _set(state: State, event: FeeScheduleSet) -> None:
    state.fee_schedules.put(event.name, event.schedule)


def _assigned(state: State, event: FeeScheduleAssigned) -> None:
    account = state.accounts.get(event.account_id)
    assert account is not None
    state.accounts.put(event.account_id, msgspec.structs.replace(account, fee_schedule=event.schedule))


def _traded(state: State, event: ValueTraded) -> None:
    key = f"{event.account_id}|{event.asset}"
    state.traded_values.put(key, after_trade(state.traded_values.get(key) or TradedValue(), event.value, state.now))


FEE_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    FeeScheduleSet: _set,
    FeeScheduleAssigned: _assigned,
    ValueTraded: _traded,
}
