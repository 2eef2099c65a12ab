"""What clients and dealers ask of an inquiry that is open. Every request is answered, in every state.

Who comes with an old version, too late, or when it is the other's turn changes nothing, and is told how the inquiry is.
The time of a request is the clock of the shard once the request has moved it (D23): an inquiry whose time is over by
then ends before it is answered.
"""

from collections.abc import Callable, Iterator
from typing import Any

from domain import inquiry_faults, inquiry_last_look, inquiry_life
from domain.inquiry_booking import MANUAL, booked, by_auto_trader, firm_until, units_of
from domain.inquiry_facts import deadline_of, side_of
from domain.inquiry_life import Step
from domain.inquiry_rows import Event, Inquiry, State
from domain.inquiry_steps import Request, answered, moved, refusal
from schemas.enums import (
    DealerDecision,
    DeskParty,
    InquiryOutcome,
    InquiryReason,
    InquiryResponse,
    InquirySide,
    InquiryStatus,
)
from schemas.inquiries import DecideInquiry, QuoteInquiry, RespondToInquiry

RESPONSES = {
    InquiryResponse.ACCEPT: Step.CLIENT_ACCEPT,
    InquiryResponse.COUNTER: Step.CLIENT_COUNTER,
    InquiryResponse.REJECT: Step.CLIENT_REJECT,
    InquiryResponse.CANCEL: Step.CANCEL,
    InquiryResponse.TIED: Step.TRADE_AWAY,
    InquiryResponse.COVERED: Step.TRADE_AWAY,
    InquiryResponse.TRADED_AWAY: Step.TRADE_AWAY,
}
DECISIONS = {
    DealerDecision.ACCEPT: Step.DEALER_ACCEPT,
    DealerDecision.COUNTER: Step.DEALER_COUNTER,
    DealerDecision.PASS: Step.PASS,
    DealerDecision.WITHDRAW: Step.WITHDRAW,
    DealerDecision.TAKE_OVER: Step.TAKE_OVER,
}
OF_CLIENTS = frozenset(RESPONSES.values())


def request(state: State, command: QuoteInquiry | RespondToInquiry | DecideInquiry) -> Iterator[Event]:
    """Does what is asked, or says why not. The same command once more changes nothing and gets the same answer."""
    known = state.answers.get(command.command_id)
    if known is not None:
        if known.reason_code is not None:
            yield refusal(command, known.reason_code, known.status, known.outcome, known.version)
        return
    inquiry = state.inquiries.get(command.inquiry_id)
    if inquiry is None or (inquiry.book_id, inquiry.instrument_id) != (command.book_id, command.instrument_id):
        yield from answered(state, command, InquiryReason.UNKNOWN_INQUIRY)
        return
    if inquiry.inquiry_id in state.open and state.now >= deadline_of(inquiry):
        yield from inquiry_last_look.over(state, inquiry)
        inquiry = state.inquiries.get(command.inquiry_id)
        assert inquiry is not None
    step = _step_of(command)
    reason = _fault(state, inquiry, command, step)
    if reason is None:
        assert step is not None
        yield from _DOERS[step](state, inquiry, command)
    yield from answered(state, command, reason)


def _step_of(command: Request) -> Step | None:
    if isinstance(command, RespondToInquiry):
        return RESPONSES.get(command.response)
    return DECISIONS.get(command.decision) if isinstance(command, DecideInquiry) else Step.QUOTE


def _fault(state: State, inquiry: Inquiry, command: Any, step: Step | None) -> InquiryReason | None:
    """Why nothing is done: the first that applies."""
    if step is None:
        return InquiryReason.BAD_VALUE
    found = inquiry_life.answer(inquiry.status, step)
    if found is InquiryReason.FINISHED:
        return found
    if command.expected_version not in (0, inquiry.version):
        return InquiryReason.VERSION_CONFLICT
    if isinstance(found, InquiryReason):
        return found
    by = DeskParty.CLIENT if step in OF_CLIENTS else DeskParty.DEALER
    is_turn = inquiry.status is not InquiryStatus.COUNTERED or inquiry.countered_by is not by
    takes = step in (Step.CLIENT_ACCEPT, Step.DEALER_ACCEPT, Step.QUOTE)
    if takes and not is_turn:
        return InquiryReason.NOT_YOUR_TURN
    check = _CHECKS.get(step)
    return None if check is None else check(state, inquiry, command)


def _quote(state: State, inquiry: Inquiry, command: QuoteInquiry) -> Iterator[Event]:
    terms = state.terms_of(inquiry.book_id, inquiry.instrument_id)
    yield moved(
        state,
        inquiry,
        Step.QUOTE,
        quote_id=f"{inquiry.inquiry_id}.{inquiry.version + 1}",
        bid_price=command.bid_price,
        ask_price=command.ask_price,
        quote_qty=inquiry.quantity if command.quantity is None else command.quantity,
        firm_until=command.firm_until or firm_until(state, inquiry, terms.firm_ns),
        **_by_hand(state, inquiry),
    )


def _by_hand(state: State, inquiry: Inquiry) -> dict[str, Any]:
    """A person answered: nothing that a policy said of an earlier quote is true of this one."""
    nothing = dict.fromkeys(("half_spread", "skew", "size_adj", "tier_adj"))
    price = state.prices.get(inquiry.instrument_id)
    said = {"policy_id": MANUAL, "policy_config_hash": "", "quoted_at": inquiry.quoted_at or state.now}
    return nothing | said | {"quote_mid": None if price is None else price.mid}


def _dealer_counter(state: State, inquiry: Inquiry, command: DecideInquiry) -> Iterator[Event]:
    terms = state.terms_of(inquiry.book_id, inquiry.instrument_id)
    price, is_buyer = command.price, inquiry.client_side is InquirySide.BUY
    yield moved(
        state,
        inquiry,
        Step.DEALER_COUNTER,
        quote_id=f"{inquiry.inquiry_id}.{inquiry.version + 1}",
        bid_price=None if is_buyer else price,
        ask_price=price if is_buyer else None,
        quote_qty=inquiry.quantity,
        counter_price=price,
        countered_by=DeskParty.DEALER,
        counter_rounds=inquiry.counter_rounds + 1,
        firm_until=firm_until(state, inquiry, terms.firm_ns),
        **_by_hand(state, inquiry),
    )


def _dealer_accept(state: State, inquiry: Inquiry, _command: DecideInquiry) -> Iterator[Event]:
    if inquiry.status is InquiryStatus.ACCEPTED:
        yield from inquiry_last_look.confirmed(state, inquiry)
        return
    price = inquiry.counter_price if inquiry.status is InquiryStatus.COUNTERED else inquiry.requested_price
    assert price is not None
    side, units = side_of(inquiry), units_of(inquiry)
    inquiry = moved(state, inquiry, Step.DEALER_ACCEPT, **_by_hand(state, inquiry))
    yield inquiry
    yield from booked(state, inquiry, side, price, units)


def _client_accept(state: State, inquiry: Inquiry, command: RespondToInquiry) -> Iterator[Event]:
    side = inquiry_faults.client_side(inquiry, command)
    said: dict[str, Any] = {"counter_side": side} if inquiry.client_side is InquirySide.TWO_WAY else {}
    look_ns = state.terms_of(inquiry.book_id, inquiry.instrument_id).last_look_ns
    if look_ns:
        said["look_until"] = state.now + look_ns
    inquiry = moved(state, inquiry, Step.CLIENT_ACCEPT, accepted_at=state.now, **said)
    yield inquiry
    yield from inquiry_last_look.accepted(state, inquiry)


def _client_counter(state: State, inquiry: Inquiry, command: RespondToInquiry) -> Iterator[Event]:
    inquiry = moved(
        state,
        inquiry,
        Step.CLIENT_COUNTER,
        counter_price=command.price,
        counter_side=inquiry_faults.client_side(inquiry, command),
        countered_by=DeskParty.CLIENT,
        counter_rounds=inquiry.counter_rounds + 1,
    )
    yield inquiry
    if inquiry.is_auto:
        yield from by_auto_trader(state, inquiry)


def _ends(step: Step, reason: InquiryReason) -> Callable[[State, Inquiry, Any], Iterator[Event]]:
    def end(state: State, inquiry: Inquiry, _command: Any) -> Iterator[Event]:
        yield moved(state, inquiry, step, reason_code=reason)

    return end


def _passed(state: State, inquiry: Inquiry, _command: DecideInquiry) -> Iterator[Event]:
    by_hand: dict[str, Any] = {"policy_id": MANUAL, "quoted_at": inquiry.quoted_at or state.now}
    by_hand["reason_code"] = InquiryReason.PASSED
    if inquiry.status is InquiryStatus.ACCEPTED:
        by_hand |= {"reason_code": InquiryReason.LAST_LOOK, "outcome": InquiryOutcome.REJECTED}
    yield moved(state, inquiry, Step.PASS, **by_hand)


def _take_over(state: State, inquiry: Inquiry, _command: DecideInquiry) -> Iterator[Event]:
    yield moved(state, inquiry, Step.TAKE_OVER, is_auto=False)


def _traded_away(state: State, inquiry: Inquiry, command: RespondToInquiry) -> Iterator[Event]:
    outcome = InquiryOutcome(command.response.value)
    reason = InquiryReason.TRADED_ELSEWHERE
    yield moved(state, inquiry, Step.TRADE_AWAY, outcome=outcome, cover_price=command.cover_price, reason_code=reason)


_CHECKS: dict[Step, Callable[[State, Inquiry, Any], InquiryReason | None]] = {
    Step.QUOTE: inquiry_faults.quote_fault,
    Step.DEALER_COUNTER: inquiry_faults.dealer_price_fault,
    Step.DEALER_ACCEPT: inquiry_faults.dealer_accept_fault,
    Step.CLIENT_ACCEPT: inquiry_faults.client_side_fault,
    Step.CLIENT_COUNTER: inquiry_faults.client_counter_fault,
    Step.TRADE_AWAY: inquiry_faults.cover_fault,
}
_DOERS: dict[Step, Callable[[State, Inquiry, Any], Iterator[Event]]] = {
    Step.QUOTE: _quote,
    Step.DEALER_COUNTER: _dealer_counter,
    Step.DEALER_ACCEPT: _dealer_accept,
    Step.PASS: _passed,
    Step.WITHDRAW: _ends(Step.WITHDRAW, InquiryReason.REQUESTED),
    Step.TAKE_OVER: _take_over,
    Step.CLIENT_ACCEPT: _client_accept,
    Step.CLIENT_COUNTER: _client_counter,
    Step.CLIENT_REJECT: _ends(Step.CLIENT_REJECT, InquiryReason.REQUESTED),
    Step.CANCEL: _ends(Step.CANCEL, InquiryReason.REQUESTED),
    Step.TRADE_AWAY: _traded_away,
}
assert _DOERS.keys() == inquiry_life.REQUESTS
