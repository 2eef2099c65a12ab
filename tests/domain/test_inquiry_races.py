"""Random clients, dealers and clocks: whatever they do in whatever order, the desk keeps its promises."""

from random import Random
from typing import Any

import msgspec
import pytest
from desk import (
    AAPL,
    BOOK,
    CLIENT_BUYS,
    CLIENT_SELLS,
    START,
    TWO_WAY,
    aapl,
    by_hand,
    decide,
    inquire,
    market,
    measured,
    quote,
    respond,
    terms,
    trades_with,
)
from effort import seeds
from examples import BUY, SELL, units
from machines import Machine
from promises import Promises

from domain.inquiry_rows import Inquiry
from schemas.enums import DealerDecision, DeskPolicy, InquiryResponse, Side
from schemas.inquiries import SetDeskSwitch
from schemas.shared import Tick
from schemas.wire import NANOS

BOOKS = (BOOK, "BOOK2")


class People:
    """Whoever has something to do with the desk."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.count, self.now = rng, 0, START
        self.sent: list[Any] = []
        self.versions: dict[str, int] = {}

    def command(self) -> Any:
        rng = self.rng
        self.count += 1
        self.now += rng.choice((0, 1, NANOS // 100, NANOS // 10, NANOS))
        if self.sent and rng.random() < 0.1:
            return msgspec.structs.replace(rng.choice(self.sent), timestamp=self.now)
        kind = rng.choices((self._inquire, self._quote, self._respond, self._decide, self._operate), (8, 6, 9, 5, 2))[0]
        command = msgspec.structs.replace(kind(), command_id=f"c{self.count}", timestamp=self.now)
        self.sent.append(command)
        return command

    def _price(self) -> float:
        return self.rng.choice((98, 99, 99.5, 100, 100.5, 101, 102))

    def _inquire(self) -> Any:
        rng = self.rng
        side = rng.choice((CLIENT_BUYS, CLIENT_SELLS, TWO_WAY))
        clocks = sorted(rng.choice((*[0] * 9, self.now + 1, self.now + NANOS, self.now + 20 * NANOS)) for _ in range(3))
        return inquire(
            f"i{self.count}" if rng.random() < 0.95 else f"i{rng.randrange(self.count)}",
            side,
            rng.choice((1, 10, 20, 50, 100, 100, 100, 0.5)),
            None if side is TWO_WAY or rng.random() < 0.3 else self._price(),
            client=rng.choice((*["cpt1", "cpt2"] * 6, "nobody")),
            book=rng.choice(BOOKS),
            **dict(zip(("due_time", "firm_until", "expire_time"), clocks, strict=True)),
        )

    def _some(self, command: Any) -> Any:
        """Mostly of a recent inquiry, of its own book, at the version that it has."""
        rng = self.rng
        known = [each for each in self.sent if hasattr(each, "requested_price")][-8:]
        if not known or rng.random() < 0.03:
            return command
        chosen = rng.choice(known)
        version = self.versions.get(chosen.inquiry_id, 0)
        return msgspec.structs.replace(
            command,
            inquiry_id=chosen.inquiry_id,
            book_id=chosen.book_id,
            expected_version=rng.choice((0, version, version, version - 1)),
        )

    def _quote(self) -> Any:
        prices = sorted((self._price(), self._price()))
        bid, ask = self.rng.choice(((prices[0], prices[1]), (prices[0], None), (None, prices[1])))
        return self._some(quote("none", bid, ask))

    def _respond(self) -> Any:
        response = self.rng.choice([*InquiryResponse, *[InquiryResponse.ACCEPT] * 9, *[InquiryResponse.COUNTER] * 3])
        side = self.rng.choice((Side.UNKNOWN, BUY, SELL))
        return self._some(respond("none", response, self._price(), side=side))

    def _decide(self) -> Any:
        return self._some(decide("none", self.rng.choice(list(DealerDecision)), self._price()))

    def _operate(self) -> Any:
        rng = self.rng
        limits = {
            "position_max": rng.choice((None, units(100), units(500))),
            "book_id": rng.choice(("", *BOOKS)),
            "last_look_ns": rng.choice((0, NANOS // 10, 3 * NANOS, 3 * NANOS)),
            "last_look_tolerance": rng.choice((None, 0, 0)),
            "signal_max": rng.choice((0, units("0.25"))),
            "volatility_window_s": rng.choice((0, 300, 3_600)),
            "ref_age_max_ns": rng.choice((2, 2, 60)) * NANOS,
        }
        return rng.choice(
            (
                terms(rng.choice((DeskPolicy.INVENTORY, DeskPolicy.MOCK, DeskPolicy.PARITY)), **limits),
                by_hand(**limits),
                *[market(self._price(), at=self.now - rng.choice((0, 0, NANOS, 5 * NANOS)))] * 5,
                measured(
                    *(rng.choice((None, 99.9, 100, 100.5)) for _ in range(2)),
                    *(rng.choice((None, 0, 0.001, 0.02)) for _ in range(3)),
                    at=self.now - rng.choice((0, NANOS, 300 * NANOS)),
                ),
                SetDeskSwitch(is_on=rng.random() < 0.1, book_id=rng.choice(("", *BOOKS))),
                Tick(is_manual=False),
            )
        )


def day(seed: int, commands: int) -> tuple[Machine, Promises, list[Any]]:
    rng, promises, log = Random(seed), Promises(), []
    people, machine = People(rng), Machine("inquiries", now=START)
    opening = [aapl(), *trades_with(*BOOKS, "cpt1", "cpt2"), market(100), by_hand()]
    for command in [*opening, *(None for _ in range(commands))]:
        command = people.command() if command is None else command  # noqa: PLW2901 - as they come to their minds
        log.append(command)
        promises.look(machine, command, machine.run(command))
        people.versions = {name: event.version for name, event in promises.inquiries.items()}
    return machine, promises, log


@pytest.mark.parametrize("seed", seeds(40))
def test_whatever_people_do_every_promise_is_kept(seed: int) -> None:
    machine, promises, log = day(seed, 300)
    rows = machine.snapshot()
    assert machine.rebuilt().state.pending(f"{BOOK}|{AAPL}") == machine.state.pending(f"{BOOK}|{AAPL}")
    assert machine.rebuilt().state.looked_at == machine.state.looked_at
    again = Machine("inquiries", now=START)
    again.run_all(log)
    assert again.snapshot() == rows, "the same commands give the same rows"
    end = max(max(row.expire_time, row.look_until) for _, row in machine.state.inquiries.scan())
    while machine.state.open:
        promises.look(machine, None, machine.run(Tick(is_manual=False, timestamp=end)))
    assert machine.state.pending(f"{BOOK}|{AAPL}") == (0, 0)
    assert machine.noun.deadline(machine.state) is None


@pytest.mark.parametrize("seed", seeds(10))
def test_memory_may_be_lost_after_every_record(seed: int) -> None:
    _, _, log = day(seed, 120)
    machine = Machine("inquiries", now=START)
    for command in log:
        again = machine.rebuilt()
        assert machine.run(command) == again.run(command)
        assert machine.snapshot() == again.snapshot()


def test_days_have_something_of_everything() -> None:
    outcomes, reasons, refused, count = set(), set(), 0, 0
    for seed in range(40):
        _, promises, _ = day(seed, 300)
        outcomes |= {event.outcome for event in promises.inquiries.values()}
        reasons |= {event.reason_code for event in promises.inquiries.values()}
        refused += promises.refused
        count += promises.measured
    assert outcomes - {None} == {
        *("DONE", "TIED", "COVERED", "TRADED_AWAY", "PASSED", "REJECTED", "EXPIRED", "CANCELLED", "WITHDRAWN")
    }
    assert {"KILL_SWITCH", "POSITION_LIMIT", "STALE", "PRICE_TOO_FAR", "DRAWN"} <= reasons
    assert {"FIRM_TIME_PASSED", "LAST_LOOK"} <= reasons
    assert refused > 1_000
    assert count > 20


def test_the_row_is_the_last_event() -> None:
    machine, promises, _ = day(1, 100)
    for name, event in promises.inquiries.items():
        row = machine.state.inquiries.get(name)
        assert isinstance(row, Inquiry)
        assert row == event
