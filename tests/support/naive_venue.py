"""A venue so simple that it is obviously right: it plays scenarios of the neutral format, slowly.

What the format, D30 and D31 leave open is decided here; whoever builds an engine follows the same list.

1. Refusals are looked at in the order in which the format lists its reasons; the first that applies is reported,
   with the command's own op. Nothing else happens.
2. A price, stop and trail is a positive multiple of the tick, else bad_price; so is a slip below 0, and an amended
   price or stop of an order that has none. Every quantity, a displayed one and a reduction too, is a positive
   multiple of the lot, else bad_quantity; so is a market order with both quantity and money, or neither, or money
   of 0. A display of the whole quantity or more hides nothing.
3. The band holds its two ends. It is for limit prices, when they enter and when they change; never for a stop's
   trigger, a market order, or an order that rests already. New ticks, lots and bands leave orders alone.
4. An owner given with cancel, reduce or modify has to be the order's own, else unknown; without one anybody may.
   An order without an owner never meets itself.
5. Cancel, reduce, mass_cancel, clock, session_end and config work in every state.
6. Where one cause ends several orders, they are reported by ascending id: mass cancel, expiry, session end, the
   siblings of a fill.
7. The clock begins at 0 and never goes back. `expire` is for gtd; gtd without it is expire_in_past. A stop that
   waits expires as an order that rests does.
8. A reduction lowers the total too: a later modify counts from there. What takes all that is open reports it as
   cancelled by the user; a smaller one reports nothing.
9. A modify keeps the place when price and stop are the same and the total is not larger; else the order goes to the
   back, in an auction and among waiting stops too. A post-only order stays post-only. A trailing stop's stop cannot
   be set; with another trail it goes to the back, and on from the best price that it has followed.
10. An iceberg that is made smaller loses hidden quantity first. One that goes to the back, for whatever reason,
    shows a new slice.
11. Decrement takes from both what the print would have traded, of an iceberg the slice; both totals go down, the
    last price stays, no sibling is cancelled. What is emptied reports 0, the maker first. cancel_both reports the
    maker first.
12. A market order by money takes at each maker as many whole lots as the money pays, and stops at the first that it
    cannot pay. Change is not reported when something was bought and the next offer was too dear; if the offers (or
    the slip) ran out, or nothing was bought, the order reports 0 as market_residual. Whatever else ends it reports 0.
    What has spent all its money has ended, as filled. A sale by money raises no more than that. With `most` it trades
    no more units than that, and what stops there reports 0 as position_limit.
13. A slip is counted in ticks of `config`.
14. A fok is tried out whole before it trades: with hidden quantity, self-trade prevention and siblings that its
    fills would cancel. A fired stop_limit with tif fok is tried out when it fires.
15. Stops look at the last price when the order before has finished: a print in between that the last one took back
    elects nobody. After each command in continuous trading no stop that is touched is left waiting.
16. A last price given by `config` is a print: trailing stops follow it, and it may fire stops.
17. In an auction or a halt no stop fires; when trading goes on, what is touched fires, after the uncross.
18. A trailing stop that enters without a last price starts at the first print; at a better print it moves while the
    incoming order still trades.
19. A fired stop gets its time when it acts. Its time in force, display, owner, stp and oco are those that it
    entered with; post-only is for limit orders alone.
20. A fill cancels the siblings at once, before the next print: the taker's, then the maker's. What is open of the
    filled leg lives on. Only fills count, no other end; a stop with `oco_trigger` cancels its siblings when it fires,
    before it acts. Who joins a group later is not touched by earlier fills.
21. In an uncross all prints come first; then each print's buyer and seller cancel their siblings, so if two legs
    were filled, what is open of both goes.
22. The uncross fills the best buy against the best sell, one print a pair. Where candidates are left with a surplus
    on different sides, or none, the one nearest to last decides, and without a last price the lowest.
23. Every return to continuous trading uncrosses a book that is crossed; only an auction that a halt cut off can
    leave one, so a plain halt resumes without an auction.
24. What an uncross leaves of an iceberg keeps its place and shows a new slice.
25. pending_stops is in order of age.
26. `auction` with a state is a length: of that auction, which ends by itself when `clock` is there, in continuous
    trading; or, where a halted book is to trade continuously, of the auction in between. Without it an auction ends
    when it is told to, and a halted book goes on at once. An auction that ends by itself is not cut short by a state
    `continuous` with `auction`; one without ends it. Orders whose time comes first, or at the same time, expire first.
27. indication is what the book would uncross now, in an auction: price, volume, surplus of buyers (negative: of
    sellers). None where there is no auction, or nobody would trade.
28. `config breaker` {limit in percent, pause} sets a breaker, null takes it away. It looks at the prices of trades
    since it was set and since the last auction, of this and the last 15 units of the clock. A trade that is so many
    percent of one of them away from it, or more, trips it: the book is in an auction for `pause`, or, where there
    is none, halted until `rearm`, and no state but halt can be asked for. Orders are taken as in any auction or halt.
29. The trade that trips stands, with what it does to siblings and icebergs. The incoming order trades no further: what
    is left rests, or ends as its time in force says; a fok that this would cut short is killed before. Prices of
    before a pause are forgotten; the price of an uncross never trips, and is the first that the breaker looks at.
    A last price given by `config` is none.
30. Stops whose price had come when trading paused act when it goes on, before others, whatever was amended of them.
    pending_stops has them at its end.
31. `session` {opens, closes} gives the venue opening hours: from the first one on it is `closed`, where it is not
    halted, until a session opens. The next session counts once the one before is over, if it does not open before
    that one closes; else nothing happens. Sessions open and close when `clock` is there, in their order with the ends
    of auctions; of two at a time an auction ends first. When one opens, what crosses uncrosses and trading goes on;
    when one closes, day orders expire. A halt outlasts both; what is asked for but a halt outside of a session is
    `closed`.
32. While it is closed, new orders and amendments are market_closed, all else works, and no stop fires.
33. `config allocation` pro_rata shares each price: an order that wants less than what is shown at the best price trades
    with everybody there, oldest first, each for its part of what is shown, rounded down to lots; then with the oldest,
    until it has what it wants. Parts are those of when it came to the price; who has gone meanwhile leaves its part to
    the others, by time. One that wants as much as is shown, or more, trades with the oldest, and looks again. An
    uncross goes by time. A fok is tried out with these shares.
34. `config auctions` [opening, closing] says for how long orders gather before a session opens and before it closes; 0:
    not at all. It counts for sessions that are given later. Then the venue is in an auction that ends when the session
    opens, or closes, and which nobody cuts short; one that goes on when the closing one is due becomes that. A halt
    outlasts it, and who ends the halt meanwhile leads back into it. After a closing auction no stop fires before the
    next session.
35. tif opg and cls, of limit and market orders, are for one auction alone. They are taken when the venue is closed,
    too; cls at any other time, too; opg until the session has opened, then auction_missed. no_auction: where there is
    no such auction, now or in the session that is or comes. `state auction` with `kind` opening or closing is one, too.
36. They stand beside the book, and trade in the uncross with those in it by price and time; market orders first, as
    they take any price. Where one of them waits, the last price is a candidate, too. What is left ends when their
    auction does, or when the session opens or closes without it. auction_orders is in order of age.
37. `at` of any command is when it comes: the clock is there first, and what should have ended by then has.
38. take_profit {id side qty stop} is a stop that waits for the other direction: a buy for last at or below its stop, a
    sale for last at or above it. What is said of stops counts for it.
"""

import copy
from typing import Any

from tests.support.naive_venue_auction import indication, uncross
from tests.support.naive_venue_book import Hours
from tests.support.naive_venue_faults import Rules
from tests.support.naive_venue_orders import (
    ACTING,
    ELECTED,
    ENTRIES,
    GATHERED,
    NEVER_REST,
    STOPS,
    WAITING,
    Command,
    Order,
)

OTHERS = (
    *("cancel", "reduce", "modify", "mass_cancel"),
    *("clock", "session", "session_end", "state", "config", "rearm"),
)


def run(commands: list[Command]) -> dict[str, Any]:
    """-> everything that a scenario may expect, after the last command."""
    venue = NaiveVenue()
    for command in commands:
        venue.apply(command)
    return venue.report()


class NaiveVenue(Rules):
    """Each command is applied whole, stops that it fires included, before the next."""

    def __init__(self) -> None:
        super().__init__()
        self.rejects: list[list[Any]] = []

    def apply(self, command: Command) -> None:
        """A field that is null is not there; only a band and a breaker are taken away by it."""
        command = {
            field: value for field, value in command.items() if value is not None or field in ("band", "breaker")
        }
        op = command["op"]
        if "at" in command:
            self.apply({"op": "clock", "now": command["at"]})
        if op in ENTRIES:
            self._enter(command)
        elif op in OTHERS:
            getattr(self, f"_{op}")(command)
        else:
            raise ValueError(f"op {op!r} is unknown")
        self._fire_stops()

    def report(self) -> dict[str, Any]:
        levels = self.levels()
        return {
            "trades": self.trades,
            "book": [
                [side, price, sum(order.open for order in level), [order.order_id for order in level]]
                for side, price, level in levels
            ],
            "cancels": self.cancels,
            "rejects": self.rejects,
            "pending_stops": [order.order_id for order in self.at(WAITING) + self.at(ELECTED)],
            "last": self.last,
            "displayed": [[side, price, sum(order.shown for order in level)] for side, price, level in levels],
            "state": self.state,
            "indication": indication(self.in_auction(), self.last) if self.state == "auction" else None,
            "auction_orders": [order.order_id for order in self.at(GATHERED)],
        }

    def _enter(self, command: Command) -> None:
        order = Order.of(command)
        fault = self.entry_fault(command)
        if fault is not None:
            self._refuse(command, fault)
            return
        self.orders.append(order)
        if order.auction is not None:
            order.place = GATHERED
            return
        if order.op in STOPS:
            order.place = WAITING
            if self.last is not None:
                order.follow(self.last)
            return
        if "slip" in command:
            self._bound(order, command["slip"] * self.tick)
        self._act(order)

    def _bound(self, order: Order, distance: int) -> None:
        """A market order with a slip is a limit order that never rests."""
        best = self.best_opposite(order.side)
        if best is not None:
            order.price = best.resting_price + (distance if order.side == "buy" else -distance)

    def _act(self, order: Order) -> None:
        """Trades, then rests or leaves."""
        order.place = ACTING
        if self.state != "continuous":
            self.rest(order)
            return
        if order.time_in_force == "fok" and not self._would_fill(order):
            self.end(order, order.open, "fok")
            return
        self.match(order)
        if not order.has_ended:
            self._settle(order)

    def _settle(self, order: Order) -> None:
        """What becomes of an order that finds nobody to trade with any more."""
        if order.money is not None:
            self._settle_money(order)
        elif order.op in NEVER_REST:
            self.end(order, order.open, "market_residual")
        elif order.time_in_force == "ioc":
            self.end(order, order.open, "ioc")
        else:
            self.rest(order)

    def _settle_money(self, order: Order) -> None:
        """Change that does not pay a lot at the next price is nobody's business; money without offers is.

        So is money that may buy no more.
        """
        if order.most == 0:
            self.end(order, 0, "position_limit")
            return
        best = self.best_opposite(order.side)
        is_change = (
            self.state == "continuous" and order.filled > 0 and best is not None and order.accepts(best.resting_price)
        )
        if is_change:
            self.finish(order)
        else:
            self.end(order, 0, "market_residual")

    def _would_fill(self, order: Order) -> bool:
        """Tried on a copy of everything."""
        venue = copy.deepcopy(self)
        twin = venue.find(order.order_id)
        assert twin is not None
        venue.match(twin)
        return twin.filled == order.total

    def _fire_stops(self) -> None:
        """Until quiet: what is touched queues behind what was touched before, and acts one after the other."""
        while self.state == "continuous" and self.last is not None:
            last = self.last
            touched = [order for order in self.at(WAITING) if order.is_touched(last)]
            for order in sorted(touched, key=lambda order: -abs((order.stop or 0) - last)):
                order.place = ELECTED
                self.put_last(order)
            elected = self.at(ELECTED)
            if not elected:
                return
            if elected[0].ends_group:
                self.cancel_siblings(elected[0])
            self._act(elected[0])

    def _refuse(self, command: Command, reason: str) -> None:
        self.rejects.append([command["id"], command["op"], reason])

    def _cancel(self, command: Command) -> None:
        order = self.named(command)
        if order is None:
            self._refuse(command, "unknown")
        else:
            self.end(order, order.open, "user")

    def _reduce(self, command: Command) -> None:
        fault, order = self.reduction_fault(command), self.named(command)
        if fault is not None or order is None:
            self._refuse(command, fault or "unknown")
        elif command["by"] >= order.open:
            self.end(order, order.open, "user")
        else:
            self._shrink(order, order.total - command["by"])

    def _shrink(self, order: Order, total: int) -> None:
        """The place is kept; of an iceberg the hidden part goes first."""
        order.total = total
        order.shown = min(order.shown, order.open)

    def _modify(self, command: Command) -> None:
        fault, order = self.amend_fault(command), self.named(command)
        if fault is not None or order is None:
            self._refuse(command, fault or "unknown")
            return
        total, price, stop = command.get("qty", order.total), command.get("price"), command.get("stop")
        trail = command.get("trail", order.trail)
        is_same = price in (None, order.price) and stop in (None, order.stop) and trail == order.trail
        if total <= order.filled:
            self.end(order, 0, "modify_below_filled")
        elif total <= order.total and is_same:
            self._shrink(order, total)
        else:
            order.total = total
            order.price = order.price if price is None else price
            order.stop = order.stop if stop is None else stop
            order.widen(trail)
            self._put_again(order)

    def _put_again(self, order: Order) -> None:
        if order.place in (WAITING, GATHERED):
            self.put_last(order)
        elif order.place != ELECTED:
            self._act(order)

    def _mass_cancel(self, command: Command) -> None:
        owner, side = command.get("owner"), command.get("side")
        self.end_all(
            [order for order in self.orders if owner in (None, order.owner) and side in (None, order.side)], "mass"
        )

    def _clock(self, command: Command) -> None:
        self.now = max(self.now, command["now"])
        while (due := self._due()) is not None and due <= self.now:
            self._expire(due)
            self._turn(due)
            self._fire_stops()
        self._expire(self.now)

    def _due(self) -> int | None:
        """When an auction ends, or a bell of the session rings, whichever is first."""
        bell = None if self.hours is None or self.hours.is_over else self.hours.bells[0][0]
        return min((time for time in (self.ends, bell) if time is not None), default=None)

    def _turn(self, due: int) -> None:
        is_called = self._is_called()
        if self.ends == due and not is_called:
            self._trade_on()
            return
        assert self.hours is not None
        _, bell = self.hours.bells.pop(0)
        self.hours.heard = bell
        if bell in ("pre_open", "call"):
            if self.state != "halt":
                self._gather()
        elif bell == "open":
            if not is_called:
                self._end_gathered("opening")
            if is_called or self.state == "closed":
                self._trade_on()
        else:
            if is_called:
                uncross(self)
            self._end_gathered("closing")
            self._close()
            self._session_end({})

    def _is_called(self) -> bool:
        """Whether the auction that is now is the opening or the closing one of the session."""
        return self.state == "auction" and self.hours is not None and self.hours.call == (self.kind, self.ends)

    def _gather(self) -> None:
        assert self.hours is not None
        assert self.hours.call is not None
        self.state, (self.kind, self.ends) = "auction", self.hours.call

    def _end_gathered(self, kind: str | None) -> None:
        self.end_all([order for order in self.orders if self.is_gathered_for(order, kind)], "auction")

    def _close(self) -> None:
        if self.state != "halt":
            self.state, self.ends, self.kind = "closed", None, None

    def _session(self, command: Command) -> None:
        before = self.hours
        if before is None:
            self._close()
        if before is None or (before.is_over and command["opens"] >= before.closes):
            self.hours = Hours.of(command["opens"], command["closes"], self.auctions)
            self._clock({"now": self.now})

    def _expire(self, until: int) -> None:
        self.end_all(
            [order for order in self.orders if order.time_in_force == "gtd" and (order.expire or 0) <= until],
            "expired",
        )

    def _session_end(self, _command: Command) -> None:
        self.end_all([order for order in self.orders if order.time_in_force == "day"], "expired")

    def _state(self, command: Command) -> None:
        wanted, length = command["state"], command.get("auction")
        if wanted not in ("auction", "continuous", "halt"):
            raise ValueError(f"state {wanted!r} is unknown")
        if wanted == self.state or self.has_tripped:
            return
        if wanted != "halt" and self.hours is not None and self.hours.call is not None:
            if not self._is_called():
                self._gather()
        elif wanted != "halt" and self.hours is not None and not self.hours.is_open:
            self.state = "closed"
        elif wanted == "auction" or (wanted == "continuous" and self.state == "halt" and length):
            self.state, self.ends = "auction", self.now + length if length else None
            self.kind = command.get("kind") if wanted == "auction" else None
        elif wanted == "halt":
            self.state, self.ends, self.kind = "halt", None, None
        elif not (length and self.ends is not None):
            self._trade_on()

    def _rearm(self, command: Command) -> None:
        if self.has_tripped:
            self.has_tripped = False
            self._state({"state": "continuous", "auction": command.get("auction")})

    def _trade_on(self) -> None:
        kind = self.kind
        uncross(self)
        self.state, self.ends, self.kind = "continuous", None, None
        self._end_gathered(kind)

    def _config(self, command: Command) -> None:
        self.tick = command.get("tick", self.tick)
        self.lot = command.get("lot", self.lot)
        self.auctions = command.get("auctions", self.auctions)
        self.is_shared = command.get("allocation", "") == "pro_rata" or self.is_shared
        if "band" in command:
            self.band = None if command["band"] is None else (command["band"][0], command["band"][1])
        if "breaker" in command:
            self.breaker = command["breaker"]
            self.prices_seen = self.prices_seen if self.breaker else []
            self.has_tripped = self.has_tripped and self.breaker is not None
        if "last" in command:
            self.print(command["last"])
