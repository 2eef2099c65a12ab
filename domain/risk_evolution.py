"""How each event of what watches over accounts changes the rows."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.account_rows import State
from domain.margin import class_key
from domain.risk_rows import DayBegun, MarginRates, PositionLimit, TokensTaken, TrackingBegun, WatchMoved
from schemas.accounts import AccountKindChanged, AccountStateChanged, LimitsChanged, MarginRatesChanged


def _state_changed(state: State, event: AccountStateChanged) -> None:
    row = state.risk.of(event.account_id)
    changed = msgspec.structs.replace(row, state=event.state, is_killed=event.is_killed)
    state.risk.put(event.account_id, changed)


def _limits_changed(state: State, event: LimitsChanged) -> None:
    if event.symbol:
        state.risk.position_limits.put(f"{event.account_id}|{event.symbol}", PositionLimit(event.position_limit))
        if not event.account_id:
            state.risk.tracked_symbols.add(event.symbol)
            state.risk.counts = True
    else:
        row = state.risk.of(event.account_id)
        changed = msgspec.structs.replace(
            row,
            concentration_limit=event.concentration_limit,
            loss_limit=event.loss_limit,
            loss_asset=event.loss_asset,
            loss_state=event.loss_state,
            orders_per_second=event.orders_per_second or 0,
            burst=event.burst or event.orders_per_second or 0,
        )
        state.risk.put(event.account_id, changed)


def _tracking_begun(state: State, event: TrackingBegun) -> None:
    if event.account_id:
        row = state.risk.of(event.account_id)
        state.risk.put(event.account_id, msgspec.structs.replace(row, is_tracked=True, assets=event.assets))
    for key, exposure in event.exposures:
        state.risk.exposures.put(key, exposure)
    if event.counted_to:
        state.risk.counting.put(event.symbol, event.counted_to)
        state.risk.counted_to[event.symbol] = event.counted_to
        state.risk.counts = True
    elif state.risk.counted_to.pop(event.symbol, None) is not None:
        state.risk.counting.delete(event.symbol)


def _kind_changed(state: State, event: AccountKindChanged) -> None:
    row = state.risk.of(event.account_id)
    state.risk.put(event.account_id, msgspec.structs.replace(row, margin_asset=event.margin_asset))
    if row.margin_asset and row.margin_asset != event.margin_asset:  # counted in another asset, or not at all
        for table in (state.risk.net_paid, state.risk.unreported):
            if table.get(event.account_id) is not None:
                table.delete(event.account_id)


def _rates_changed(state: State, event: MarginRatesChanged) -> None:
    key = event.symbol or class_key(event.instrument_type)
    state.risk.margin_rates.put(key, MarginRates(event.initial, event.maintenance))


def _day_begun(state: State, event: DayBegun) -> None:
    row = state.risk.of(event.account_id)
    changed = msgspec.structs.replace(row, day=event.day, baseline=event.baseline, unpriced=event.unpriced)
    state.risk.put(event.account_id, changed)


def _watch_moved(state: State, event: WatchMoved) -> None:
    if event.rounds:
        state.risk.watching.put(event.symbol, event.rounds)
    else:
        state.risk.watching.delete(event.symbol)


def _tokens_taken(state: State, event: TokensTaken) -> None:
    state.risk.buckets.put(event.account_id, event.bucket)


RISK_EVOLVERS: dict[type, Callable[[State, Any], None]] = {
    AccountStateChanged: _state_changed,
    LimitsChanged: _limits_changed,
    TrackingBegun: _tracking_begun,
    AccountKindChanged: _kind_changed,
    MarginRatesChanged: _rates_changed,
    DayBegun: _day_begun,
    WatchMoved: _watch_moved,
    TokensTaken: _tokens_taken,
}
