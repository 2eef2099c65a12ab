from typing import Any

import msgspec
import pytest
from examples import BUY, SELL, units
from machines import Machine, about

from domain.ingress import AHEAD_NS_MAX, Refused
from domain.inquiry_commands import Named
from schemas.enums import DealerDecision, InquiryResponse, InquirySide, OldInquiryStatus
from schemas.inquiries import DecideInquiry, OpenInquiry, QuoteInquiry, RespondToInquiry
from schemas.inquiry_commands import Inquiry, InquiryQuote, InquiryReply, InquiryVerdict, NewInquiry
from schemas.shared import Tick

NEW = NewInquiry("cpt1", "BOOK1", "AAPL", InquirySide.BUY, units(5), inquiry_id="i", requested_price=units(2))
KEY = ("i", "BOOK1", "AAPL")
OLD = Inquiry(7, "BOOK1", "AAPL", 10, 10_000, BUY, 1_000, "cpt1")
ENVELOPE = {"event_id", "command_id", "correlation_id", "caused_by", "actor_id", "timestamp"}
SENT = {
    NewInquiry: OpenInquiry,
    InquiryQuote: QuoteInquiry,
    InquiryReply: RespondToInquiry,
    InquiryVerdict: DecideInquiry,
}


def changed(of: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(of, **fields)


@pytest.mark.parametrize("sent", SENT)
def test_every_field_is_handed_on(sent: Any) -> None:
    """A field that is added, and forgotten at this door, would be passed over in silence."""
    fields = set(sent.__struct_fields__) - ENVELOPE
    assert fields == set(SENT[sent].__struct_fields__) - ENVELOPE
    values: dict[str, Any] = {name: f"value-of-{name}" for name in fields} | {"sent_at": 0}
    *_, found = Machine("inquiry_commands").run(sent(**values))
    assert {name: getattr(found, name) for name in fields} == values


def test_an_inquiry_without_a_name_gets_one_and_no_name_comes_twice() -> None:
    machine = Machine("inquiry_commands", 3, {"inquiry_commands": 4})
    events = [machine.run(changed(NEW, inquiry_id=None)) for _ in range(2)]
    assert [type(event) for event in events[0]] == [Named, OpenInquiry]
    assert [event.inquiry_id for _, event in events] == ["q3-1", "q3-2"]
    assert machine.rebuilt().run(changed(NEW, inquiry_id=None))[1].inquiry_id == "q3-3"


@pytest.mark.parametrize(
    "wrong",
    [
        changed(NEW, inquiry_id=""),
        changed(NEW, inquiry_id="q0-1"),
        changed(NEW, book_id="a|b"),
        changed(NEW, instrument_id=""),
        changed(NEW, client_id="@fees"),
        changed(NEW, trader="x" * 65),
        changed(NEW, settle_date="x" * 65),
        InquiryQuote("a|b", "BOOK1", "AAPL"),
        InquiryReply("i", "", "AAPL", InquiryResponse.ACCEPT),
        InquiryVerdict("i", "BOOK1", "x" * 65, DealerDecision.PASS),
        changed(OLD, counterparty=""),
        changed(OLD, inquiry_id=-1),
    ],
)
def test_what_has_no_proper_name_or_a_text_that_is_too_long_goes_no_further(wrong: Any) -> None:
    (refused,) = Machine("inquiry_commands").run(wrong)
    assert type(refused) is Refused
    assert refused.reason == "BAD_NAME"


def test_a_command_from_the_future_is_refused() -> None:
    machine = Machine("inquiry_commands")
    assert type(machine.run(changed(NEW, sent_at=AHEAD_NS_MAX), at=0)[0]) is OpenInquiry
    assert machine.run(changed(NEW, sent_at=AHEAD_NS_MAX + 1), at=0)[0].reason == "SENT_TOO_FAR_AHEAD"
    assert machine.run(changed(OLD, event_time=5_001), at=0)[0].reason == "SENT_TOO_FAR_AHEAD"


def test_in_the_form_of_the_older_system_the_side_is_the_books_and_prices_are_in_hundredths() -> None:
    (bought,) = Machine("inquiry_commands").run(OLD, at=2_000_000_000)
    assert about(bought, "inquiry_id", "client_id", "book_id", "client_side") == ("7", "cpt1", "BOOK1", "SELL")
    assert about(bought, "quantity", "requested_price") == (units(10), units(100))
    (sold,) = Machine("inquiry_commands").run(changed(OLD, side=SELL), at=2_000_000_000)
    assert sold.client_side is InquirySide.BUY


def test_what_the_older_systems_trader_decided_is_a_decision_on_the_version_before() -> None:
    done = changed(OLD, status=OldInquiryStatus.DONE, version=3)
    (accepted,) = Machine("inquiry_commands").run(done, at=2_000_000_000)
    assert accepted == DecideInquiry("7", "BOOK1", "AAPL", DealerDecision.ACCEPT, expected_version=2)
    (passed,) = Machine("inquiry_commands").run(changed(done, status=OldInquiryStatus.NOT_DONE), at=2_000_000_000)
    assert passed.decision is DealerDecision.PASS


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (changed(OLD, side="UNKNOWN"), "BAD_VALUE"),
        (changed(OLD, quantity=10**19), "BAD_VALUE"),
        (changed(OLD, price=-(10**60)), "BAD_VALUE"),
        (changed(OLD, status=OldInquiryStatus.POSITION_ENRICHED), "ENRICHED_ELSEWHERE"),
        (changed(OLD, status=OldInquiryStatus.UNKNOWN), "ENRICHED_ELSEWHERE"),
    ],
)
def test_what_makes_no_sense_in_that_form_is_put_aside(wrong: Any, reason: str) -> None:
    if wrong.side == "UNKNOWN":
        wrong = changed(wrong, side=type(BUY).UNKNOWN)
    assert Machine("inquiry_commands").run(wrong, at=2_000_000_000)[0].reason == reason


def test_requests_are_handed_on_as_they_are() -> None:
    machine = Machine("inquiry_commands")
    assert machine.run(InquiryQuote(*KEY, ask_price=5, expected_version=2)) == [
        QuoteInquiry(*KEY, ask_price=5, expected_version=2)
    ]
    assert machine.run(InquiryReply(*KEY, InquiryResponse.ACCEPT)) == [RespondToInquiry(*KEY, InquiryResponse.ACCEPT)]


def test_a_tick_changes_nothing() -> None:
    machine = Machine("inquiry_commands")
    assert machine.run(Tick(is_manual=False, timestamp=5)) == []
    assert machine.noun.deadline(machine.state) is None
    assert machine.snapshot() == {"counts": {}}
