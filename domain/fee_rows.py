"""Rows and inner events of fee schedules."""

import msgspec


class Tier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Fee rates from a traded value on, in billionths of the value."""

    traded_value_min: int
    maker_fee_rate: int
    taker_fee_rate: int


class FeeSchedule(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tiers of fees, by rising traded value in one asset."""

    asset: str
    tiers: tuple[Tier, ...]


class TradedValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account traded in one quote asset."""

    days: tuple[tuple[int, int], ...] = ()
    """Days since the epoch, and the value traded on each."""


class FeeScheduleSet(msgspec.Struct, frozen=True, gc=False):
    """A schedule of fees is like this now."""

    name: str
    schedule: FeeSchedule


class FeeScheduleAssigned(msgspec.Struct, frozen=True, gc=False):
    """An account pays by a schedule now; by none where the name is empty."""

    account_id: str
    schedule: str


class ValueTraded(msgspec.Struct, frozen=True, gc=False):
    """An account with a schedule of fees traded for that much."""

    account_id: str
    asset: str
    value: int


FeeEvent = FeeScheduleSet | FeeScheduleAssigned | ValueTraded
