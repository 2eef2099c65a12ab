"""A day at the venue: what traders and operators do, right and wrong, at random; and what always holds."""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
from all_gone import AllGone
from desk_day import Desk
from examples import BUY, CENT, SELL, listing
from machines import Machine, of_type
from naive_risk import check_amend, check_verdict
from promises import Promises
from venues import Venue

from app.topics import partition_of
from domain import exposures, guards
from domain.account_rows import CLEARING, FINAL, Cleared, Order
from domain.entering import NO_LIMIT
from domain.money import fee_of
from domain.order_life import ANSWERS, EXEC_TYPES
from domain.trades import HOUSE
from schemas.accounts import (
    AmendOrder,
    AssignFeeSchedule,
    BalanceEvent,
    CancelOpenOrders,
    CancelOrder,
    ChangeAccountKind,
    ChangeAccountState,
    DepositFunds,
    FeeTier,
    OrderEvent,
    PlaceOrder,
    ResetAccounts,
    RiskChecked,
    SetCancelTimer,
    SetFeeSchedule,
    SetKillSwitch,
    SetLimits,
    SetMarginRates,
    WatchAccounts,
    WithdrawFunds,
)
from schemas.enums import (
    AccountKind,
    AccountState,
    Allocation,
    InstrumentType,
    OrderStatus,
    OrderType,
    ReasonCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TradingPhase,
)
from schemas.enums import Venue as Simulated
from schemas.feeds import MarketDataEvent
from schemas.order_books import (
    CancelAllOrders,
    ChangePhase,
    EndSession,
    MarkPrices,
    RearmBreaker,
    ScheduleSession,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
    TradeExecuted,
)
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.positions import PositionEvent
from schemas.wire import NANOS

ACCOUNTS = ["ann", "bob", "cid", "dot", "eve"]
RESTRICTED = (*[AccountState.HALTED] * 3, AccountState.REDUCE_ONLY, AccountState.INACTIVE)
ASSETS = ["ADA", "ETH", "AAPL", "ADAZ26", "USDT"]
LIMITS: dict[str, Any] = {
    "quantity_max": 50 * NANOS,
    "notional_max": 40 * NANOS,
    "calendar": "XNYS",
    "allocation": Allocation.PRO_RATA,
    "opening_auction_ns": NANOS // 20,
    "closing_auction_ns": NANOS // 20,
}
"""Of one order in ETHADA; when it is traded, and by whom of those at one price; how it opens and closes."""
FUTURE = {"instrument_type": InstrumentType.FUTURE, "underlying": "ADA", "expires_at": 30 * NANOS}
LISTINGS = (
    listing(maker_fee_rate=1_000_000, taker_fee_rate=2_500_000),
    listing(
        symbol="ETHUSDT", base="ETH", tick=1, lot=NANOS, maker_fee_rate=333_333_333, taker_fee_rate=7, multiplier=NANOS
    ),
    listing(symbol="ETHADA", base="ETH", quote="ADA", tick=5 * CENT, lot=NANOS // 10, multiplier=2 * NANOS, **LIMITS),
    listing(
        symbol="AAPL", base="AAPL", venue=Simulated.SIM, lot=NANOS, maker_fee_rate=1_000_000, taker_fee_rate=3_333_333
    ),
    listing(symbol="ADAZ26", base="ADAZ26", lot=NANOS, multiplier=10 * NANOS, taker_fee_rate=7_777_777, **FUTURE),
)
"""Usual fees; prices of single nanos, where every fee is a question of rounding; a multiplier, and no fees; prices from
elsewhere; a contract that ends in the middle of the day."""
PRICES = {
    "ADAUSDT": [CENT * n for n in range(95, 106)],
    "ETHUSDT": list(range(1, 8)),
    "ETHADA": [CENT * n for n in (95, 100, 105)],
    "AAPL": [CENT * n for n in range(95, 106)],
    "ADAZ26": [CENT * n for n in range(98, 103)],
}
LOTS = {"ADAUSDT": NANOS // 1_000, "ETHUSDT": NANOS, "ETHADA": NANOS // 10, "AAPL": NANOS, "ADAZ26": NANOS}


class Day:
    """Commands, as they come to the mind of some random people."""

    def __init__(self, rng: Random, *, resets: bool = False) -> None:
        self.rng, self.resets = rng, resets
        self.orders: list[tuple[str, str, str]] = []
        """Id, account and symbol of orders that somebody placed."""
        self.commands: list[Any] = []
        self.count = 0
        self.first_leg: PlaceOrder | None = None
        self.desk = Desk(rng, ACCOUNTS, PRICES)
        self.later: list[Any] = []
        """What an operator will do, to take back what was done."""

    def opening(self) -> Iterator[Any]:
        yield from LISTINGS
        yield self._session()
        for account in ACCOUNTS:
            for asset in ASSETS:
                yield self._named(DepositFunds(account, asset, self.rng.choice([3, 40, 2_000]) * NANOS))
        yield self._named(SetFeeSchedule("gold", "USDT", self._tiers()))
        for account in ACCOUNTS[:2]:
            yield self._named(AssignFeeSchedule(account, "gold"))
        for command in self.desk.opening():
            yield self._named(command)

    def command(self) -> Any:
        """Whatever comes next."""
        rng = self.rng
        if self.commands and rng.random() < 0.04:
            return rng.choice(self.commands)  # once more, to the letter
        if rng.random() < 0.03:  # the contract goes on, to another end
            return self._named(msgspec.structs.replace(LISTINGS[-1], expires_at=self.count * NANOS))
        if self.later and rng.random() < 0.15:
            return self._named(self.later.pop(0))
        kind = rng.choices(
            (
                self._place,
                self._special,
                self._amend,
                self._cancel,
                self._money,
                self._nonsense,
                self._other_door,
                self._operation,
                self._risk,
                self._prices,
                self._bracket,
                self._desk,
            ),
            (35, 15, 22, 12, 6, 4, 6, 3, 3, 8, 10, 24),
        )[0]
        command = self._named(kind())
        if self.resets and rng.random() < 0.03:
            command = ResetAccounts(f"reset{rng.randrange(6)}", "", command_id=f"reset{self.count}")
        self.commands.append(command)
        return command

    def _named(self, command: Any) -> Any:
        self.count += 1
        return msgspec.structs.replace(command, command_id=f"c{self.count}")

    def _place(self) -> PlaceOrder:
        rng = self.rng
        symbol, account = rng.choice(list(PRICES)), rng.choice(ACCOUNTS)
        kind = OrderType.MARKET if rng.random() < 0.15 else OrderType.LIMIT
        order = f"o{self.count}" if rng.random() < 0.95 else f"o{rng.randrange(self.count)}"
        self.orders.append((order, account, symbol))
        placed = PlaceOrder(
            order_id=order,
            account_id=account,
            symbol=symbol,
            side=rng.choice((BUY, SELL)),
            order_type=kind,
            quantity=self._quantity(symbol),
            limit_price=None if kind is OrderType.MARKET else rng.choice(PRICES[symbol]),
            time_in_force=rng.choices((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK), (8, 1, 1))[0],
            source="test",
            client_order_id=None if rng.random() < 0.8 else f"mine{rng.randrange(20)}",
        )
        if symbol == "ETHADA" and rng.random() < 0.5:
            return msgspec.structs.replace(placed, time_in_force=rng.choice((TimeInForce.OPG, TimeInForce.CLS)))
        if kind is not OrderType.MARKET or rng.random() < 0.5:
            return placed
        money = rng.choice([1, 20, NANOS // 3, 5 * NANOS, 300 * NANOS])
        return msgspec.structs.replace(placed, quantity=0, notional=money)

    def _bracket(self) -> PlaceOrder:
        """An order with exits, most often where they have a chance."""
        rng, placed = self.rng, self._place()
        prices = sorted(rng.sample(PRICES[placed.symbol], 2))
        profit, loss = reversed(prices) if (placed.side is BUY) is (rng.random() < 0.95) else prices
        wanted = rng.choice(((profit, loss, None), (profit, loss, loss), (profit, None, None), (None, loss, profit)))
        self.orders += [(f"{placed.order_id}.{leg}", placed.account_id, placed.symbol) for leg in ("sl", "tp")]
        return msgspec.structs.replace(
            placed,
            take_profit_price=wanted[0],
            stop_loss_price=wanted[1],
            stop_loss_limit_price=wanted[2],
            time_in_force=rng.choice((placed.time_in_force, TimeInForce.DAY)),
        )

    def _special(self) -> PlaceOrder:
        """An order of one of the rarer kinds, with what one may ask for; often the second of a group."""
        first = self.first_leg
        if first is not None and self.rng.random() < 0.5:
            self.first_leg = None if self.rng.random() < 0.6 else first
            self.orders.append((f"o{self.count}", first.account_id, first.symbol))
            return msgspec.structs.replace(
                first,
                order_id=f"o{self.count}",
                order_type=OrderType.STOP,
                limit_price=None,
                stop_price=self.rng.choice(PRICES[first.symbol]),
                quantity=self.rng.choice((first.quantity, first.quantity, self._quantity(first.symbol))),
                display_quantity=None,
                is_post_only=False,
                client_order_id=None,
            )
        order = self._first_of_its_kind()
        if order.order_type is OrderType.LIMIT and order.time_in_force is not TimeInForce.GTD:
            self.first_leg = order = msgspec.structs.replace(order, oco_group=f"exit{self.count % 7}")
        return order

    def _first_of_its_kind(self) -> PlaceOrder:
        rng, placed = self.rng, self._place()
        prices = PRICES[placed.symbol]
        kind = rng.choice(
            (OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT)
        )
        limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        lives = rng.choice((TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD))
        return msgspec.structs.replace(
            placed,
            order_type=kind,
            quantity=self._quantity(placed.symbol),
            notional=None,
            limit_price=rng.choice(prices) if limited else None,
            stop_price=None if kind in (OrderType.LIMIT, OrderType.TRAILING_STOP) else rng.choice(prices),
            trail=prices[1] - prices[0] if kind is OrderType.TRAILING_STOP else None,
            time_in_force=lives,
            expires_at=rng.choice((1, NANOS, 5 * NANOS, 20 * NANOS)) if lives is TimeInForce.GTD else 0,
            display_quantity=LOTS[placed.symbol] if limited and rng.random() < 0.3 else None,
            self_trade_prevention=rng.choice([mode for mode in SelfTradePrevention if mode != "UNKNOWN"]),
            oco_group=rng.choice(("", "", "g")),
            is_reduce_only=rng.random() < 0.2,
            is_post_only=kind is OrderType.LIMIT and rng.random() < 0.3,
        )

    def _operation(self) -> Any:
        """What those do who run the venue."""
        rng, symbol = self.rng, self.rng.choice(list(PRICES))
        phases = (TradingPhase.CONTINUOUS, TradingPhase.CONTINUOUS, TradingPhase.AUCTION, TradingPhase.HALTED)
        prices = PRICES[symbol]
        return rng.choice(
            (
                ChangePhase(symbol, rng.choice(phases)),
                ChangePhase(symbol, rng.choice(phases), auction_ns=rng.choice((1, NANOS // 10, NANOS // 2))),
                *[ChangePhase(symbol, TradingPhase.CONTINUOUS)] * 7,
                EndSession(symbol),
                SetFeeSchedule("gold", "USDT", self._tiers()),
                AssignFeeSchedule(rng.choice(ACCOUNTS), rng.choice(("gold", "gold", "", "silver"))),
                SetPriceBand(symbol, *rng.choice(((None, None), (prices[0], prices[-2])))),
                SetLastPrice(symbol, rng.choice(prices)),
                SetBreaker(symbol, rng.choice((0, NANOS // 50, NANOS // 20)), NANOS // 10, rng.random() < 0.2),
                *[self._session()] * 3,
                *[RearmBreaker(symbol, rng.choice((0, NANOS // 10)))] * 2,
                CancelAllOrders(symbol, rng.choice(ACCOUNTS), Side.UNKNOWN),
                CancelOpenOrders(rng.choice(ACCOUNTS), rng.choice(("", symbol)), reason_code=ReasonCode.DISCONNECTED),
                CancelOpenOrders("", rng.choice(("", symbol, symbol)), rng.choice((Side.UNKNOWN, Side.BUY))),
                SetCancelTimer(rng.choice(ACCOUNTS), rng.choice((0, NANOS // 10, NANOS, 10 * NANOS))),
            )
        )

    def _tiers(self) -> tuple[FeeTier, ...]:
        rates = self.rng.choices((0, 1_000_000, 3_333_333), k=4)
        return FeeTier(0, *rates[:2]), FeeTier(self.rng.choice((1, 10 * NANOS)), *rates[2:])

    def _risk(self) -> Any:
        """What those do who watch over the accounts; what they forbid, they soon allow again."""
        rng, symbol, account = self.rng, self.rng.choice(list(PRICES)), self.rng.choice(ACCOUNTS)
        most = rng.choice((0, LOTS[symbol] * 50, LOTS[symbol] * 2_000))
        part = rng.choice((NANOS // 100, NANOS // 10, NANOS // 2))
        state = rng.choice(RESTRICTED)
        free = SetMarginRates(symbol=symbol, initial=rng.choice((NANOS // 5, NANOS)), maintenance=NANOS // 10)
        margin = ChangeAccountKind(account, AccountKind.MARGIN, rng.choice(("USDT", "ADA")))
        active = ChangeAccountState(account, AccountState.ACTIVE)
        breaker = SetLimits(
            account_id=account,
            loss_limit=rng.choice((1, NANOS, 20 * NANOS)),
            loss_asset="USDT",
            loss_state=state,
            orders_per_second=rng.choice((None, 5)),
        )
        chosen, *again = rng.choice(
            (
                (
                    SetLimits(account_id=account, symbol=symbol, position_limit=most),
                    SetLimits(account_id=account, symbol=symbol),
                ),
                (SetLimits(symbol=symbol, position_limit=most), SetLimits(symbol=symbol)),
                *[(SetLimits(account_id=account, concentration_limit=part), SetLimits(account_id=account))] * 2,
                *[(ChangeAccountState(account, state), active)] * 2,
                *[(breaker, active, SetLimits(account_id=account), active)] * 2,
                (SetKillSwitch(account_id=account, is_on=True), SetKillSwitch(account_id=account, is_on=False)),
                (SetKillSwitch(is_on=True), SetKillSwitch(is_on=False)),
                *[(margin, free, active), (margin, ChangeAccountKind(account, AccountKind.CASH, ""), active)] * 2,
            )
        )
        self.later += again
        return chosen

    def _prices(self) -> MarketDataEvent:
        """A quote of a market elsewhere, mostly of what trades at such prices."""
        rng = self.rng
        symbol = "AAPL" if rng.random() < 0.9 else rng.choice([*PRICES, "NONE", "not | a name"])
        bid = rng.choice([None, 0, *PRICES["AAPL"] * 2])
        ask = bid + rng.choice((-1, 0, 1, 2)) * CENT if bid else rng.choice([None, *PRICES["AAPL"]])
        last = rng.choice([None, *PRICES["AAPL"]])
        sizes = [rng.choice((None, None, 0, NANOS // 2, 3 * NANOS, 12 * NANOS)) for _ in range(2)]
        return MarketDataEvent(symbol, "", bid, ask, *sizes, last)

    def _desk(self) -> Any:
        """What clients and dealers say to each other, and operators to both."""
        symbol = self.rng.choice(list(PRICES))
        return self.desk.says(str(self.count), symbol, self._quantity(symbol), self.count * NANOS // 100)

    def _session(self) -> ScheduleSession:
        """Hours of the one instrument that has some; a command takes the venue ten milliseconds."""
        now = self.count * NANOS // 100
        length = self.rng.choice((NANOS // 10, NANOS, 5 * NANOS))
        opens = now + self.rng.choice((0, NANOS // 20, NANOS // 5))
        return ScheduleSession("ETHADA", f"day {self.count}", opens, opens + length, ())

    def _quantity(self, symbol: str) -> int:
        return LOTS[symbol] * self.rng.choice([1, 2, 3, 5, 10, 20] if LOTS[symbol] == NANOS else [1, 7, 100, 999, 1500])

    def _known(self) -> tuple[str, str, str]:
        """An order, mostly one of the last."""
        if not self.orders:
            return "none", "ann", "ADAUSDT"
        return self.orders[-min(len(self.orders), self.rng.choice((1, 1, 2, 3, 5, 8, 15, 40)))]

    def _new_terms(self, symbol: str) -> tuple[int | None, int | None]:
        rng = self.rng
        return (
            self._quantity(symbol) if rng.random() < 0.7 else None,
            rng.choice(PRICES[symbol]) if rng.random() < 0.7 else None,
        )

    def _amend(self) -> AmendOrder:
        order, account, symbol = self._known()
        prices = PRICES[symbol]
        stop_price, trail = self.rng.choice(
            ((None, None), (None, None), (self.rng.choice(prices), None), (None, prices[2] - prices[0]))
        )
        quantity, price = self._new_terms(symbol)
        if stop_price or trail:
            quantity, price = self.rng.choice((quantity, None)), self.rng.choice((price, None, None))
        return AmendOrder(order, account, quantity, price, stop_price, trail)

    def _cancel(self) -> CancelOrder:
        order, account, _ = self._known()
        return CancelOrder(order, account if self.rng.random() < 0.95 else "bob")

    def _money(self) -> DepositFunds | WithdrawFunds:
        kind = self.rng.choice((DepositFunds, WithdrawFunds))
        return kind(self.rng.choice(ACCOUNTS), self.rng.choice(ASSETS), self.rng.choice([1, NANOS // 3, 5 * NANOS]))

    def _nonsense(self) -> Any:
        placed, rng = self._place(), self.rng
        wrong = rng.choice(
            (
                {"symbol": "NONE"},
                {"account_id": "nobody"},
                {"quantity": rng.choice((0, -NANOS, LOTS[placed.symbol] + 1, 10**30))},
                {"limit_price": rng.choice((0, -1, 10**30))},
                {"order_type": OrderType.STOP},
                {"time_in_force": TimeInForce.OPG},
                {"slippage": -1},
                {"display_quantity": LOTS[placed.symbol] + 1},
                {"client_order_id": "a|b"},
                {"stop_price": NANOS},
            )
        )
        return msgspec.structs.replace(placed, **wrong)

    def _other_door(self) -> Any:
        rng = self.rng
        placed = self._place()
        if rng.random() < 0.5:
            return NewOrder(
                account_id=placed.account_id,
                symbol=placed.symbol,
                side=placed.side,
                order_type=placed.order_type,
                quantity=placed.quantity,
                limit_price=placed.limit_price,
                time_in_force=placed.time_in_force,
                notional=placed.notional,
                order_id=rng.choice((None, placed.order_id, "not | a name")),
            )
        order, account, symbol = self._known()
        if rng.random() < 0.5:
            return CancelRequest(account_id=account, order_id=order)
        quantity, price = self._new_terms(symbol)
        return AmendRequest(account_id=account, order_id=order, quantity=quantity, limit_price=price)


def check_ledger(state: Any) -> None:
    """What holds in a shard of accounts after every record."""
    sums: defaultdict[str, int] = defaultdict(int)
    reserved: defaultdict[str, int] = defaultdict(int)
    for key, row in state.balances.scan():
        account, _, asset = key.partition("|")
        sums[asset] += row.total
        if account.startswith("@"):
            assert row.reserved == 0
        else:
            assert row.reserved >= 0, key
            assert row.reserved <= row.total or account in state.risk.margin_accounts, key
            reserved[key] = row.reserved
    assert not any(sums.values()), f"the ledger does not balance: {dict(sums)}"
    held: defaultdict[str, int] = defaultdict(int)
    for _, order in state.orders.scan():
        if order.status in FINAL:
            assert order.held == order.leaves == 0, order
        else:
            held[f"{order.account_id}|{order.held_asset}"] += order.held
        assert order.fee == fee_of(order.fee_accrued), "however many fills there were, it is rounded once"
    assert all(reserved[key] == held[key] for key in reserved | held), "reserved is what open orders hold"
    check_exposures(state)


def check_exposures(state: Any) -> None:
    """Open units are counted exactly, of the accounts and in the symbols of which they are counted."""
    counted = {
        key: exposure for key, exposure in exposures.counted(state, "", "") if state.risk.is_counted(*key.split("|", 1))
    }
    assert dict(state.risk.exposures.scan()) == counted
    reducing = defaultdict(list)
    for _, order in state.orders.scan():
        if order.is_reduce_only and order.status not in FINAL:
            reducing[f"{order.account_id}|{order.symbol}"].append(order.order_id)
    assert {key: sorted(ids) for key, ids in state.risk.reducing.scan()} == {
        key: sorted(ids) for key, ids in reducing.items()
    }
    for account in state.risk.tracked:
        owned = {key.partition("|")[2] for key, _ in state.balances.scan(f"{account}|")}
        assert set(state.risk.of(account).assets) >= owned, "or it would be worth more or less than is said"


def check_books(state: Any) -> None:
    """What holds in a shard of books after every record."""
    rows = dict(state.orders.scan())
    count = 0
    for symbol, book in state.by_symbol.items():
        bid, ask = book.bids.best_price, book.asks.best_price
        is_open = book.phase is TradingPhase.CONTINUOUS and symbol not in state.busy
        against = (ask, bid) if book.quote is None else (book.quote.price_for(BUY), book.quote.price_for(SELL))
        for limit, price, sign in ((bid, against[0], 1), (ask, against[1], -1)):
            is_apart = limit is None or price is None or sign * limit < sign * price
            assert not is_open or is_apart, f"{symbol} is crossed: {bid} {ask} {book.quote}"
        for side, sign in ((book.bids, -1), (book.asks, 1)):
            prices = [price for price, _ in side.from_best()]
            assert prices == sorted(prices, key=lambda price, sign=sign: sign * price)
            for price, level in side.from_best():
                priorities = [order.priority for order in level.values()]
                assert priorities == sorted(set(priorities)), "first come, first served"
                for order_id, order in level.items():
                    count += 1
                    assert order == rows[f"{symbol}|{order_id}"] == book.orders[order_id]
                    assert order.limit_price == price
                    assert 0 < order.leaves <= order.quantity
    assert count == len(rows) == sum(len(book.orders) for book in state.by_symbol.values())
    gathered = {
        f"{symbol}|{order_id}": entry
        for symbol, book in state.by_symbol.items()
        for gathering in book.gatherings.values()
        for order_id, entry in gathering.orders.items()
    }
    assert gathered == dict(state.auction_orders.scan())


class Invariants:
    """What holds after every record, and from one event to the next."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], OrderEvent] = {}
        self.balances: dict[tuple[str, str], BalanceEvent] = {}
        self.positions: dict[tuple[str, str], PositionEvent] = {}
        self.trades: list[TradeExecuted] = []
        self.all_gone = AllGone()
        self.desks: defaultdict[int, Promises] = defaultdict(Promises)
        self.records = 0

    def __call__(self, machine: Machine, command: Any, events: list[Any]) -> None:
        self.records += 1
        if machine.noun.name == "accounts":
            check_amend(machine, command, events)
            check_ledger(machine.state)
            self.all_gone.look(machine, command, events)
            self._guarded(machine.state, command, events)
        elif machine.noun.name == "order_books":
            check_books(machine.state)
        elif machine.noun.name == "inquiries":
            self.desks[machine.place.partition].look(machine, command, events)
        for event in of_type(events, OrderEvent):
            self._order(event)
            self._reducing(event, machine)
        for event in of_type(events, BalanceEvent):
            self._balance(event, machine)
        for event in of_type(events, RiskChecked):
            if type(command) is PlaceOrder and event.order_id == command.order_id:
                check_verdict(machine, command, event)
            is_borne = not event.required or event.required <= event.buying_power
            assert is_borne or event.reason_code == "BUYING_POWER"
            assert not event.is_approved or event.required is not None
        for event in of_type(events, PositionEvent):
            before = self.positions.get((event.account_id, event.symbol))
            assert event.version == (before.version if before else 0) + 1
            self.positions[event.account_id, event.symbol] = event
        self.trades += of_type(events, TradeExecuted)
        if of_type(events, Cleared):  # ids of orders may come again
            number, count = machine.place.partition, machine.place.partitions["accounts"]
            self.orders = {key: event for key, event in self.orders.items() if partition_of(key[0], count) != number}

    def _order(self, event: OrderEvent) -> None:
        key = event.account_id, event.order_id
        before = self.orders.get(key)
        assert event.version == (before.version if before else 0) + 1, "versions of an order have no gap"
        was = before.status if before else None
        steps = [step for step, exec_type in EXEC_TYPES.items() if exec_type is event.exec_type]
        assert event.status in [ANSWERS[step][was] for step in steps if was in ANSWERS[step]], f"{before} then {event}"
        if event.status in FINAL:
            assert event.leaves_quantity == event.held == 0
        else:
            assert event.leaves_quantity == event.quantity - event.filled_quantity
            assert event.leaves_quantity > 0 or event.notional is not None or event.status is OrderStatus.HELD
        filled_before = before.filled_quantity if before else 0
        assert event.filled_quantity == filled_before + (event.last_quantity or 0)
        if event.notional is None:
            self._sized(event)
        else:
            assert event.status is not OrderStatus.FILLED or event.filled_quantity > 0
            assert event.filled_value <= event.notional or event.status is OrderStatus.REJECTED
            assert event.quantity == event.filled_quantity or event.status is OrderStatus.REJECTED
        if event.last_price is not None and event.price is not None:
            assert event.last_price <= event.price if event.side is BUY else event.last_price >= event.price
        self.orders[key] = event

    def _sized(self, event: OrderEvent) -> None:
        assert (event.status is OrderStatus.FILLED) == (event.filled_quantity == event.quantity > 0)
        if event.symbol == "ETHADA" and event.status is not OrderStatus.REJECTED:
            assert event.quantity <= LIMITS["quantity_max"]
            if event.price is not None:
                assert 2 * event.quantity * event.price <= LIMITS["notional_max"] * NANOS

    def _guarded(self, state: Any, command: Any, events: list[Any]) -> None:
        """Once prices were heard, no account may do more than its losses allow; a trade is the newest price."""
        if type(command) is TradeExecuted and command.venue != Simulated.SIM:
            is_guarded = {command.buy_account_id, command.sell_account_id} & state.risk.guarded
            assert not is_guarded or state.marks.get(command.symbol).last == command.price
        if type(command) is MarkPrices and not of_type(events, WatchAccounts):
            symbols = {mark.symbol for mark in command.marks}
            for symbol in sorted(symbols):
                terms = state.instruments.get(symbol)
                owners = [] if terms is None else state.risk.owners.after(terms.base, terms.quote, "", len(ACCOUNTS))
                for account in owners:
                    assert not list(guards.fallen(state, account))

    def _reducing(self, event: OrderEvent, machine: Machine) -> None:
        """A reduce-only order of a cash account sells what was there before the trade."""
        row = machine.state.orders.get(event.order_id)
        is_cash = event.account_id not in machine.state.risk.margin_accounts
        if event.last_quantity and row is not None and row.is_reduce_only and is_cash:
            assert event.side is SELL
            assert self.balances[event.account_id, row.base].total >= event.last_quantity

    def _balance(self, event: BalanceEvent, machine: Machine) -> None:
        key = event.account_id, event.asset
        before = self.balances.get(key)
        assert event.version == (before.version if before else 0) + 1, "versions of a balance have no gap"
        assert event.total == (before.total if before else 0) + event.change
        assert event.available == event.total - event.reserved
        assert event.reserved >= 0
        assert event.available >= 0 or event.account_id in machine.state.risk.margin_accounts
        self.balances[key] = event


def rows_of(table: Any) -> list[Any]:
    return [row for _, row in table.scan()]


def check_at_rest(venue: Venue, seen: Invariants) -> None:
    """What holds over all shards when nothing is on its way."""
    clearing: defaultdict[str, int] = defaultdict(int)
    for machine in venue.of("accounts"):
        for key, row in machine.state.balances.scan(f"{CLEARING}|"):
            clearing[key] += row.total
    assert not any(clearing.values()), f"on its way, though nothing is: {dict(clearing)}"
    resting = {
        (row.account_id, row.order_id): row
        for machine in venue.of("order_books")
        for row in (
            *rows_of(machine.state.orders),
            *(stop.order for stop in rows_of(machine.state.stops)),
            *(entry.order for entry in rows_of(machine.state.auction_orders)),
        )
    }
    alive = [row for machine in venue.of("accounts") for row in rows_of(machine.state.orders)]
    alive = [row for row in alive if row.status not in FINAL]
    exits: dict[tuple[str, str], Order] = {
        (row.account_id, row.parent_id): row for row in alive if row.status is OrderStatus.HELD
    }
    working: dict[tuple[str, str], Order] = {
        (row.account_id, row.order_id): row for row in alive if row.status is not OrderStatus.HELD
    }
    assert exits.keys() <= working.keys(), "an exit waits for an order that works"
    assert resting.keys() == working.keys(), "an order works if and only if it rests in a book"
    for key, order in working.items():
        row = resting[key]
        limit = NO_LIMIT if row.side is BUY and not order.cap_price else order.cap_price
        assert (order.leaves, order.quantity, limit) == (row.leaves, row.quantity, row.limit_price)
        assert not order.amends
        assert seen.orders[key].status is order.status
    for machine in venue.of("accounts"):
        assert not any(outcome.is_pending for _, outcome in machine.state.outcomes.scan()), "somebody waits in vain"


def check_credit(venue: Venue) -> None:
    """Every shard of the desk knows what every margin account has paid, to the nano. Not with resets in between."""
    for machine in venue.of("accounts"):
        assert not any(machine.state.risk.unreported.scan())
        for account_id, paid in machine.state.risk.net_paid.scan():
            assert {desk.state.net_paid(account_id) for desk in venue.of("inquiries")} == {paid}


def check_settlement(venue: Venue, seen: Invariants) -> None:
    """Balances and positions are what a clerk makes of deposits and trades alone. Not with resets in between."""
    check_credit(venue)
    money: defaultdict[tuple[str, str], int] = defaultdict(int)
    units: defaultdict[tuple[str, str], int] = defaultdict(int)
    flows: defaultdict[tuple[str, str], int] = defaultdict(int)
    for event in of_type(venue.public, BalanceEvent):
        if event.reason in ("DEPOSIT", "WITHDRAWAL"):
            money[event.account_id, event.asset] += event.change
    multipliers = {each.symbol: each.multiplier for each in LISTINGS}
    for trade in seen.trades:
        assert (HOUSE in (trade.buy_account_id, trade.sell_account_id)) is (trade.venue == Simulated.SIM)
        value = trade.quantity * trade.price * multipliers[trade.symbol] // NANOS**2
        buyer, seller = trade.buy_account_id, trade.sell_account_id
        money[buyer, trade.quote] -= value + trade.buy_commission
        money[seller, trade.quote] += value - trade.sell_commission
        money[buyer, trade.base] += trade.quantity
        money[seller, trade.base] -= trade.quantity
        units[buyer, trade.symbol] += trade.quantity
        units[seller, trade.symbol] -= trade.quantity
        flows[buyer, trade.symbol] += value
        flows[seller, trade.symbol] -= value
    assert {key: event.total for key, event in seen.balances.items() if event.total} == {
        key: total for key, total in money.items() if total and key[0] != HOUSE
    }
    for asset in {asset for _, asset in money}:
        rows = [machine.state.balance(HOUSE, asset) for machine in venue.of("accounts")]
        assert sum(row.total for row in rows) == money[HOUSE, asset], "what the house has is what others have not"

    for key, event in seen.positions.items():
        assert event.quantity == units[key]
        assert event.cost - event.realized_pnl == flows[key], "cost less what was realised is what was paid"
        assert event.quantity or (event.cost == 0 and event.average_price is None)
        assert event.cost * event.quantity >= 0
    assert {key for key, quantity in units.items() if quantity} <= seen.positions.keys()


def drain(venue: Venue, seen: Invariants) -> None:
    """Cancels whatever works, and looks whether anything is still held."""
    for key, event in list(seen.orders.items()):
        if event.status not in FINAL:
            venue.send(CancelOrder(key[1], key[0], command_id=f"drain {key}"))
    venue.settle()
    for machine in venue.of("accounts"):
        assert not any(row.reserved for _, row in machine.state.balances.scan()), "nothing works, something is held"
    assert not any(rows_of(machine.state.orders) for machine in venue.of("order_books"))
    assert not any(rows_of(machine.state.stops) for machine in venue.of("order_books"))
    assert not any(rows_of(machine.state.auction_orders) for machine in venue.of("order_books"))
    assert all(event.status in FINAL for event in seen.orders.values())
