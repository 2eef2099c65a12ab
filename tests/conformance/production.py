"""Scenarios of the neutral format on the book machine, driven as its shard drives it: decide, then evolve, each event.

What accounts check before an order goes out, ticks and lots, is checked here by the same functions.
"""

from collections.abc import Callable, Iterator
from typing import Any

from domain.auctions import indication
from domain.instruments import Instrument
from domain.order_terms import quantity_fault
from domain.resting import RestingOrder
from schemas.enums import (
    Allocation,
    AuctionKind,
    InstrumentType,
    OrderType,
    ReasonCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TradingPhase,
    Venue,
)
from schemas.order_books import (
    CancelAllOrders,
    CancelRestingOrder,
    ChangePhase,
    EndSession,
    EnterLimitOrder,
    EnterOrder,
    InstrumentListed,
    OrderCancelled,
    PhaseChanged,
    RearmBreaker,
    ReduceOrder,
    ReplaceOrder,
    ScheduleSession,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
    TradeExecuted,
)
from schemas.shared import Tick
from schemas.wire import NANOS
from tests.support.machines import Machine

SYMBOL = "TICKS"
UNIT = 20 * NANOS
"""Of the clock: so a breaker looks back over 15 of them."""
LIMITS = ("limit", "ioc", "fok")
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TYPES = {
    "market": OrderType.MARKET,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
    "take_profit": OrderType.TAKE_PROFIT,
}
PHASES = {
    "continuous": TradingPhase.CONTINUOUS,
    "auction": TradingPhase.AUCTION,
    "halt": TradingPhase.HALTED,
    "closed": TradingPhase.CLOSED,
}
KINDS = {None: AuctionKind.UNKNOWN, "opening": AuctionKind.OPENING, "closing": AuctionKind.CLOSING}
CANCELS = {
    ReasonCode.REQUESTED: "user",
    ReasonCode.IOC_REMAINDER: "ioc",
    ReasonCode.FOK_UNFILLABLE: "fok",
    ReasonCode.MARKET_REMAINDER: "market_residual",
    ReasonCode.EXPIRED: "expired",
    ReasonCode.SELF_TRADE_PREVENTION: "stp",
    ReasonCode.OCO: "oco",
    ReasonCode.MASS_CANCEL: "mass",
    ReasonCode.POSITION_LIMIT: "position_limit",
    ReasonCode.AUCTION_REMAINDER: "auction",
}
REJECTS = {
    ReasonCode.UNKNOWN_ORDER: "unknown",
    ReasonCode.TOO_LATE: "unknown",
    ReasonCode.DUPLICATE_ORDER_ID: "duplicate_id",
    ReasonCode.BAD_QUANTITY: "bad_quantity",
    ReasonCode.OFF_LOT: "bad_quantity",
    ReasonCode.BAD_PRICE: "bad_price",
    ReasonCode.OFF_TICK: "bad_price",
    ReasonCode.PRICE_BAND: "price_band",
    ReasonCode.HALTED: "halted",
    ReasonCode.MARKET_CLOSED: "market_closed",
    ReasonCode.NOT_IN_AUCTION: "not_in_auction",
    ReasonCode.NO_AUCTION: "no_auction",
    ReasonCode.AUCTION_MISSED: "auction_missed",
    ReasonCode.POST_ONLY_WOULD_CROSS: "post_only_would_cross",
    ReasonCode.EXPIRE_IN_PAST: "expire_in_past",
}


def as_accounts_send(command: EnterOrder) -> EnterOrder | EnterLimitOrder:
    """The order as the message that is for what it asks for."""
    about = (command.order_id, command.account_id, command.symbol, command.order_number, command.side)
    limit, units, rates = command.limit_price, command.quantity, (command.maker_fee_rate, command.taker_fee_rate)
    if limit is None or command != EnterOrder(*about, OrderType.LIMIT, units, TimeInForce.GTC, *rates, limit):
        return command
    return EnterLimitOrder(*about, limit, units, *rates)


def run(commands: list[dict[str, Any]]) -> dict[str, Any]:
    """Plays the commands on a fresh book -> everything that a scenario may expect."""
    player = Player()
    for command in commands:
        player.play(command)
    return player.found()


class Player:
    """One book, and what it said."""

    def __init__(self) -> None:
        self.machine = Machine("order_books")
        self.tick, self.lot, self.calendar, self.allocation = 1, 1, "", Allocation.PRICE_TIME
        self.auctions = [0, 0]
        self.list()
        self.trades: list[dict[str, Any]] = []
        self.cancels: list[list[Any]] = []
        self.rejects: list[list[Any]] = []

    @property
    def book(self) -> Any:
        return self.machine.state.book(SYMBOL)

    def list(self) -> None:
        """One tick is one unit of price, one lot one of quantity: so both stay the numbers of the scenario."""
        listed = InstrumentListed(
            *(SYMBOL, InstrumentType.SPOT, "BASE", "QUOTE"),
            self.tick,
            self.lot,
            NANOS * NANOS,
            0,
            0,
            Venue.INTERNAL,
            calendar=self.calendar,
            allocation=self.allocation,
            opening_auction_ns=self.auctions[0] * UNIT,
            closing_auction_ns=self.auctions[1] * UNIT,
        )
        self.machine.noun.evolve(self.machine.state, listed)

    def run(self, command: Any, op: str) -> None:
        """The command, and what the shard sends to itself."""
        own = [command]
        while own:
            for event in self.machine.run(own.pop(0)):
                if type(event) in self.machine.noun.commands:
                    own.append(event)
                elif isinstance(event, TradeExecuted):
                    self._traded(event)
                elif isinstance(event, OrderCancelled):
                    self._cancelled(event, op)
                elif type(event).__name__ in ("ReplaceRefused", "CancelRefused"):
                    self.reject(int(event.order_id), op, event.reason_code)

    def _traded(self, event: TradeExecuted) -> None:
        maker = event.sell_order_id if event.side is Side.BUY else event.buy_order_id
        trade = {"taker": int(event.order_id), "maker": int(maker), "qty": event.quantity, "price": event.price}
        self.trades.append(trade | ({"auction": True} if event.is_auction else {}))

    def _cancelled(self, event: OrderCancelled, op: str) -> None:
        number, reason = int(event.order_id), event.reason_code
        if reason is ReasonCode.MONEY_SPENT:
            return
        if reason in CANCELS:
            self.cancels.append([number, event.quantity, CANCELS[reason]])
        else:
            self.reject(number, op, reason)

    def reject(self, number: int, op: str, reason: ReasonCode) -> None:
        self.rejects.append([number, op, REJECTS[reason]])

    # --- commands -----------------------------------------------------------------------------------------------------

    def play(self, command: dict[str, Any]) -> None:
        op = command["op"]
        if "at" in command:
            self._come_at(command)
        if op in (*LIMITS, *TYPES):
            self._enter(command, op)
        elif op in ("cancel", "reduce", "modify"):
            self._change(command, op)
        elif op in OPERATIONS:
            self.run(OPERATIONS[op](command), op)
        elif op == "clock":
            self._hear(command["now"] * UNIT)
        elif op == "session":
            self._schedule(command)
        elif op == "config":
            self._configure(command)
        else:
            raise ValueError(f"no such op: {op}")

    def _come_at(self, command: dict[str, Any]) -> None:
        """The command tells the time; but what is answered here, and not by the book, has to hear it first."""
        self.machine.now = max(self.machine.now, command["at"] * UNIT)
        op, is_known = command["op"], self.book.find(str(command.get("id"))) is not None
        is_new = op in (*LIMITS, *TYPES) and not is_known and next(self._faults(command, op), None) is None
        if not (is_new or op in OPERATIONS or (op == "cancel" and is_known and "owner" not in command)):
            self._hear(self.machine.now)

    def _hear(self, now: int) -> None:
        """The shard hears the time until all is done that is due."""
        self.run(Tick(is_manual=False, timestamp=now), "clock")
        while self._is_due():
            self.run(Tick(is_manual=False, timestamp=now), "clock")

    def _schedule(self, command: dict[str, Any]) -> None:
        if not self.calendar:  # an instrument has one from its listing on, or none
            self.calendar = "HOURS"
            self.list()
            if self.book.phase is not TradingPhase.HALTED:
                closing = PhaseChanged(SYMBOL, TradingPhase.CLOSED, sequence=self.book.sequence + 1)
                self.machine.noun.evolve(self.machine.state, closing)
        opens, closes = command["opens"] * UNIT, command["closes"] * UNIT
        self.run(ScheduleSession(SYMBOL, "today", opens, closes, ()), "session")
        self._hear(self.machine.now)

    def _is_due(self) -> bool:
        due = self.machine.noun.deadline(self.machine.state)
        return due is not None and due <= self.machine.now

    def _configure(self, command: dict[str, Any]) -> None:
        self.tick, self.lot = command.get("tick", self.tick), command.get("lot", self.lot)
        self.auctions = command.get("auctions", self.auctions)
        self.allocation = Allocation[command.get("allocation", self.allocation).upper()]
        self.list()
        if "band" in command:
            low, high = command["band"] or (None, None)
            self.run(SetPriceBand(SYMBOL, low, high), "config")
        if "breaker" in command:
            breaker = command["breaker"] or {"limit": 0}
            pause, is_manual = (breaker.get("pause") or 0) * UNIT, not breaker.get("pause")
            self.run(SetBreaker(SYMBOL, breaker["limit"] * NANOS // 100, pause, is_manual), "config")
        if "last" in command:
            self.run(SetLastPrice(SYMBOL, command["last"]), "config")

    def _enter(self, command: dict[str, Any], op: str) -> None:
        number = command["id"]
        if self.book.find(str(number)) is None:
            fault = next(self._faults(command, op), None)
            if fault is not None:
                self.reject(number, op, fault)
                return
        in_force = TimeInForce[(op if op in ("ioc", "fok") else command.get("tif", "gtc")).upper()]
        self.run(
            as_accounts_send(
                EnterOrder(
                    str(number),
                    account_of(command.get("owner"), number),
                    SYMBOL,
                    number,
                    SIDES[command["side"]],
                    TYPES.get(op, OrderType.LIMIT),
                    command.get("qty") or command.get("most") or 0,
                    in_force,
                    0,
                    0,
                    command.get("price"),
                    stop_price=command.get("stop"),
                    trail=command.get("trail"),
                    display_quantity=command.get("display"),
                    slippage=None if command.get("slip") is None else command["slip"] * self.tick,
                    spend=command.get("quote"),
                    expires_at=(command.get("expire") or 0) * UNIT,
                    self_trade_prevention=prevention_of(command),
                    oco_group="" if command.get("oco") is None else str(command["oco"]),
                    is_post_only=bool(command.get("post_only")) and op in LIMITS,
                    ends_group_at_trigger=bool(command.get("oco_trigger")),
                )
            ),
            op,
        )

    def _faults(self, command: dict[str, Any], op: str) -> Iterator[ReasonCode]:
        """In the order in which the format lists its reasons: quantities before prices."""
        quantity, money = command.get("qty"), command.get("quote")
        if op == "market" and ((quantity is None) == (money is None) or (money is not None and money <= 0)):
            yield ReasonCode.BAD_QUANTITY
        others = [command.get("display"), command.get("most")]
        for units in [quantity] * (op != "market" or quantity is not None) + others:
            if units is not None or (units is quantity and op != "market"):
                yield from filter(None, [quantity_fault(self._instrument(), units or 0)])
        names = {"stop": ("stop",), "stop_limit": ("stop", "price"), "trailing_stop": ("trail",), "market": ()}
        names["take_profit"] = names["stop"]
        for name in names.get(op, ("price",)):
            yield from filter(None, [self._price_fault(command.get(name))])
        if (command.get("slip") or 0) < 0:
            yield ReasonCode.BAD_PRICE

    def _price_fault(self, price: int | None) -> ReasonCode | None:
        return ReasonCode.BAD_PRICE if price is None or price <= 0 or price % self.tick else None

    def _instrument(self) -> Instrument:
        found: Instrument = self.machine.state.instruments.get(SYMBOL)
        return found

    def _change(self, command: dict[str, Any], op: str) -> None:
        number = command["id"]
        order: RestingOrder | None = self.book.find(str(number))
        owner = command.get("owner")
        if order is None or (owner is not None and account_of(owner, number) != order.account_id):
            self.reject(number, op, ReasonCode.UNKNOWN_ORDER)
        elif op == "cancel":
            self.run(CancelRestingOrder(str(number), order.account_id, SYMBOL), op)
        elif op == "reduce":
            fault = quantity_fault(self._instrument(), command["by"])
            if fault is None:
                self.run(ReduceOrder(str(number), order.account_id, SYMBOL, command["by"]), op)
            else:
                self.reject(number, op, fault)
        else:
            self._modify(command, order)

    def _modify(self, command: dict[str, Any], order: RestingOrder) -> None:
        number, stop = command["id"], self.book.stops.get(order.order_id)
        quantity = order.quantity if command.get("qty") is None else command["qty"]
        fault = quantity_fault(self._instrument(), quantity) if command.get("qty") is not None else None
        if fault is None and command.get("price") is not None:
            entry = self.book.gathered(str(number))
            has_limit = stop is None or stop.order_type is OrderType.STOP_LIMIT
            has_limit = has_limit and not (entry is not None and entry.is_market)
            fault = self._price_fault(command["price"]) if has_limit else ReasonCode.BAD_PRICE
        if fault is None and command.get("stop") is not None:
            has_stop = stop is not None and stop.trail is None
            fault = self._price_fault(command["stop"]) if has_stop else ReasonCode.BAD_PRICE
        if fault is None and command.get("trail") is not None:
            is_trailing = stop is not None and stop.trail is not None
            fault = self._price_fault(command["trail"]) if is_trailing else ReasonCode.BAD_PRICE
        if fault is not None:
            self.reject(number, "modify", fault)
            return
        price = order.limit_price if command.get("price") is None else command["price"]
        filled = order.quantity - order.leaves
        replace = ReplaceOrder(
            *(str(number), order.account_id, SYMBOL, quantity, price), command.get("stop"), command.get("trail")
        )
        self.run(replace, "modify")
        if quantity <= filled and self.book.find(str(number)) is None:
            self.cancels.append([number, 0, "modify_below_filled"])

    # --- what is found ------------------------------------------------------------------------------------------------

    def found(self) -> dict[str, Any]:
        self._hear(self.machine.now)
        book = self.book
        self._recount()
        sides = [
            (name, price, list(level.values()))
            for name, side in (("buy", book.bids), ("sell", book.asks))
            for price, level in side.from_best()
        ]
        gathered = [entry for gathering in book.gatherings.values() for entry in gathering.orders.values()]
        stops = sorted(book.stops.values(), key=lambda stop: (stop.elected, stop.number))
        return {
            "trades": self.trades,
            "book": [
                [name, price, sum(order.leaves for order in level), [int(order.order_id) for order in level]]
                for name, price, level in sides
            ],
            "cancels": self.cancels,
            "rejects": self.rejects,
            "pending_stops": [int(stop.order.order_id) for stop in stops],
            "auction_orders": [int(entry.order.order_id) for entry in sorted(gathered, key=lambda e: e.order.priority)],
            "last": book.last,
            "displayed": [[name, price, sum(order.tradable for order in level)] for name, price, level in sides],
            "state": next(name for name, phase in PHASES.items() if phase is book.phase),
            "indication": self._indication(),
        }

    def _recount(self) -> None:
        """What the book keeps to be fast is what a count finds."""
        for side in (self.book.bids, self.book.asks):
            for price, units in side.units.items():
                assert units == sum(order.leaves for order in side.levels[price].values())
        sides = [(order.group, order.side) for order in self.book.orders.values() if order.group]
        assert self.book.pairs.keys() == {group for group, side in sides if sides.count((group, side)) > 1}

    def _indication(self) -> Any:
        found = indication(self.book) if self.book.auction is not None else None
        return None if found is None else [*found]


def _mass_cancel(command: dict[str, Any]) -> CancelAllOrders:
    owner, side = command.get("owner"), SIDES.get(command.get("side", ""), Side.UNKNOWN)
    return CancelAllOrders(SYMBOL, "" if owner is None else account_of(owner, 0), side)


def length_of(command: dict[str, Any]) -> int:
    """Of the auction."""
    return (command.get("auction") or 0) * UNIT


def account_of(owner: Any, number: int) -> str:
    """An order without an owner never meets itself."""
    return f"nobody-{number}" if owner is None else f"owner-{owner}"


def prevention_of(command: dict[str, Any]) -> SelfTradePrevention:
    return SelfTradePrevention[(command.get("stp") or "none").upper()]


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "mass_cancel": _mass_cancel,
    "session_end": lambda _: EndSession(SYMBOL),
    "state": lambda command: ChangePhase(
        SYMBOL, PHASES[command["state"]], KINDS[command.get("kind")], length_of(command)
    ),
    "rearm": lambda command: RearmBreaker(SYMBOL, length_of(command)),
}
