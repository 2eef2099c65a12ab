"""Every verdict on a new order is what a clerk works out who looks at all rows anew, on days with many limits."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from days import ACCOUNTS, LOTS, PRICES, Day, Invariants, check_at_rest, drain
from effort import seeds
from machines import of_type
from venues import Venue

from schemas.accounts import AmendOrder, ChangeAccountKind, PlaceOrder, RiskChecked, SetLimits, SetMarginRates
from schemas.enums import AccountKind, ReasonCode
from schemas.wire import NANOS


class WatchedDay(Day):
    """Most accounts are on margin or have limits from the beginning; some prices are known."""

    def opening(self) -> Iterator[Any]:
        yield from super().opening()
        rng = self.rng
        for account, asset in (("ann", "USDT"), ("bob", "USDT"), ("cid", rng.choice(("USDT", "ADA")))):
            yield self._named(ChangeAccountKind(account, AccountKind.MARGIN, asset))
        for symbol in ("ADAUSDT", "ETHUSDT"):
            initial = rng.choice((NANOS // 5, NANOS // 3, NANOS))
            yield self._named(SetMarginRates(symbol=symbol, initial=initial, maintenance=initial // 2))
        for account in rng.sample(ACCOUNTS, 3):
            part = rng.choice((NANOS // 3, NANOS, 2 * NANOS))
            yield self._named(SetLimits(account_id=account, concentration_limit=part))
        for symbol in LOTS:
            most = rng.choice((None, LOTS[symbol] * 100, LOTS[symbol] * 3_000))
            yield self._named(SetLimits(symbol=symbol, position_limit=most))
            account = rng.choice(ACCOUNTS)
            yield self._named(SetLimits(account_id=account, symbol=symbol, position_limit=LOTS[symbol] * 700))

    def command(self) -> Any:
        """Amends that make orders larger come more often than on other days: most of those limits refuse."""
        if self.orders and self.rng.random() < 0.2:
            order, account, symbol = self._known()
            more = LOTS[symbol] * self.rng.choice((30, 150, 800, 4_000))
            return self._named(AmendOrder(order, account, more, self.rng.choice((None, *PRICES[symbol]))))
        return super().command()


def watched_day(seed: int, commands: int) -> tuple[Venue, Invariants]:
    """The clerk is among what is looked at after every record (tests/support/days.py)."""
    rng, seen = Random(seed), Invariants()
    venue, people = Venue(rng, watches=[seen]), WatchedDay(rng)
    for command in people.opening():
        venue.send(command)
    venue.settle()
    for _ in range(commands):
        venue.send(people.command())
        if rng.random() < 0.1:
            venue.tick()
        venue.steps(rng.choice((0, 1, 4, 12)))
    venue.settle()
    return venue, seen


@pytest.mark.parametrize("seed", seeds(10))
def test_every_verdict_is_what_the_clerk_says(seed: int) -> None:
    venue, seen = watched_day(seed, 300)
    check_at_rest(venue, seen)
    drain(venue, seen)
    check_at_rest(venue, seen)


def test_the_days_have_verdicts_of_every_kind() -> None:
    reasons: Counter[ReasonCode | None] = Counter()
    found: Counter[str] = Counter()
    for seed in range(4):
        venue, _ = watched_day(seed, 300)
        placed = {command.order_id for inbox in venue.inboxes.values() for command in of_type(inbox, PlaceOrder)}
        for verdict in of_type(venue.public, RiskChecked):
            if verdict.order_id in placed:
                reasons[verdict.reason_code] += 1
                found["bounded"] += verdict.position_limit is not None
                found["valued"] += verdict.equity is not None
                found["closing"] += verdict.required == 0
    assert reasons.keys() >= {
        None,
        ReasonCode.BUYING_POWER,
        ReasonCode.POSITION_LIMIT,
        ReasonCode.CONCENTRATION,
        ReasonCode.REDUCE_ONLY_WOULD_INCREASE,
    }
    assert min(found["bounded"], found["valued"], found["closing"]) > 20, found
