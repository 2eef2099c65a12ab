"""What was promised of a shard of the desk, looked at after every record."""

from collections import defaultdict
from typing import Any

from desk_reader import check_quote
from examples import BUY
from machines import Machine, of_type

from domain.inquiry_life import ANSWERS, FINAL
from domain.inquiry_rows import Cleared
from schemas.inquiries import DeskPositionChanged, InquiryBooked, InquiryEvent, InquiryRefused, QuoteDecided
from schemas.order_books import TradeExecuted

NEXT = defaultdict(set)
for answers in ANSWERS.values():
    for status_before, status_after in answers.items():
        NEXT[status_before].add(status_after)


class Promises:
    """What was promised of a shard, looked at after every record."""

    def __init__(self) -> None:
        self.inquiries: dict[str, InquiryEvent] = {}
        self.positions: defaultdict[str, int] = defaultdict(int)
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.notionals: defaultdict[str, int] = defaultdict(int)
        self.trades: list[str] = []
        self.refused = 0
        self.measured = 0
        """Decisions in which there was something that market data measured."""

    def look(self, machine: Machine, command: Any, events: list[Any]) -> None:
        for event in events:
            match event:
                case InquiryEvent():
                    self._inquiry(event)
                case QuoteDecided():
                    self._decided(machine, event)
                case InquiryBooked():
                    self._booked(event)
                case DeskPositionChanged():
                    key = f"{event.book_id}|{event.instrument_id}"
                    assert (event.position_qty, event.position_notional) == (self.positions[key], self.notionals[key])
                    assert event.version == self.counts[key]
                case InquiryRefused():
                    self.refused += 1
                case Cleared(is_first=True):
                    for known in (self.inquiries, self.positions, self.notionals):
                        known.clear()
        assert len(of_type(events, InquiryBooked)) == len(of_type(events, TradeExecuted))
        self._rows(machine)

    def _inquiry(self, event: InquiryEvent) -> None:
        before = self.inquiries.get(event.inquiry_id)
        assert event.version == (before.version if before else 0) + 1, "versions have no gap"
        assert event.status in NEXT[before.status if before else None], f"{before} then {event}"
        assert (event.outcome is not None) is (event.status in FINAL)
        key = f"{event.book_id}|{event.instrument_id}"
        if event.status == "ENRICHED" and before is not None and before.status == "NEW":
            assert event.position_qty == self.positions[key], "every booking before it, and none after"
            assert event.position_version == self.counts[key]
            assert event.as_of_offset == len(self.trades)
        self.inquiries[event.inquiry_id] = event

    def _decided(self, machine: Machine, event: QuoteDecided) -> None:
        """The record has all that a reader needs who wants to know how the prices came about."""
        terms = machine.state.terms_of(event.book_id, event.instrument_id)
        inquiry = self.inquiries[event.inquiry_id]
        assert (event.config_hash, event.version) == (terms.config_hash, inquiry.version)
        self.measured += event.measured_at is not None
        check_quote(
            event,
            terms,
            tick=machine.state.instruments.get(event.instrument_id).tick,
            position=self.positions[f"{event.book_id}|{event.instrument_id}"],
            quantity=inquiry.quote_qty or inquiry.quantity,
            tier=inquiry.client_tier,
        )

    def _booked(self, event: InquiryBooked) -> None:
        key, sign = f"{event.book_id}|{event.instrument_id}", -1 if event.side is BUY else 1
        self.positions[key] += sign * event.quantity
        self.notionals[key] += sign * event.value
        self.counts[key] += 1
        assert event.trade_id not in self.trades
        self.trades.append(event.trade_id)
        inquiry = self.inquiries[event.inquiry_id]
        assert (inquiry.status, inquiry.trade_id, inquiry.trade_price) == ("BOOKED", event.trade_id, event.price)

    def _rows(self, machine: Machine) -> None:
        """The table is what was told last; what is derived is what follows from the table."""
        state = machine.state
        assert {name: row.version for name, row in state.inquiries.scan()} == {
            name: event.version for name, event in self.inquiries.items()
        }
        assert set(state.open) == {name for name, event in self.inquiries.items() if event.status not in FINAL}
