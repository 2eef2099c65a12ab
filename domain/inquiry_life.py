"""The life of an inquiry as one table: for every state and every step exactly one answer.

What a client, a dealer or the clock may do is a step. In a state in which a step leads nowhere, who asked is told so:
that the inquiry has ended, and how, or that it is not the time for that.
"""

from enum import StrEnum

from schemas.enums import InquiryOutcome, InquiryReason, InquiryStatus

NEW, ENRICHED, QUOTED = InquiryStatus.NEW, InquiryStatus.ENRICHED, InquiryStatus.QUOTED
COUNTERED, ACCEPTED, BOOKED = InquiryStatus.COUNTERED, InquiryStatus.ACCEPTED, InquiryStatus.BOOKED
REJECTED, EXPIRED, CANCELLED = InquiryStatus.REJECTED, InquiryStatus.EXPIRED, InquiryStatus.CANCELLED
WITHDRAWN, TRADED_AWAY = InquiryStatus.WITHDRAWN, InquiryStatus.TRADED_AWAY

OPEN = (NEW, ENRICHED, QUOTED, COUNTERED, ACCEPTED)
FINAL = frozenset({BOOKED, REJECTED, EXPIRED, CANCELLED, WITHDRAWN, TRADED_AWAY})
"""Nothing happens to an inquiry any more: whoever asks is told how it ended."""
COUNTER_ROUNDS_MAX = 3


class Step(StrEnum):
    """What may happen to an inquiry."""

    RECEIVED = "RECEIVED"
    REFUSED = "REFUSED"
    """Something about it is wrong, or nobody here knows whom it names."""
    ENRICHED = "ENRICHED"
    """The position of the book was looked up."""
    QUOTE = "QUOTE"
    """The dealer names firm prices: at first, anew, or as the answer to a counter."""
    DEALER_COUNTER = "DEALER_COUNTER"
    """The dealer names another price than the one that was asked for."""
    DEALER_ACCEPT = "DEALER_ACCEPT"
    """The dealer takes the price that the client named; in a last look, it confirms what the client took."""
    PASS = "PASS"  # noqa: S105 - what a dealer says
    """The dealer does not want to deal."""
    WITHDRAW = "WITHDRAW"
    """The dealer takes a quote back before it was accepted."""
    TAKE_OVER = "TAKE_OVER"
    """A person decides from now on, not the auto-trader."""
    CLIENT_ACCEPT = "CLIENT_ACCEPT"
    CLIENT_COUNTER = "CLIENT_COUNTER"
    CLIENT_REJECT = "CLIENT_REJECT"
    CANCEL = "CANCEL"
    """The client takes the request back before it was quoted."""
    TRADE_AWAY = "TRADE_AWAY"
    """The client says that it has dealt with somebody else."""
    BOOK = "BOOK"
    """The trade is booked, and the position changes with it."""
    NOT_BOOK = "NOT_BOOK"
    """A limit, or what a last look showed, was in the way of what was accepted."""
    EXPIRE = "EXPIRE"
    """One of its clocks has run out."""


ANSWERS: dict[Step, dict[InquiryStatus | None, InquiryStatus]] = {
    Step.RECEIVED: {None: NEW},
    Step.REFUSED: {NEW: REJECTED},
    Step.ENRICHED: {NEW: ENRICHED},
    Step.QUOTE: {ENRICHED: QUOTED, QUOTED: QUOTED, COUNTERED: QUOTED},
    Step.DEALER_COUNTER: {ENRICHED: COUNTERED},
    Step.DEALER_ACCEPT: {ENRICHED: ACCEPTED, COUNTERED: ACCEPTED, ACCEPTED: BOOKED},
    Step.PASS: {ENRICHED: REJECTED, QUOTED: REJECTED, COUNTERED: REJECTED, ACCEPTED: REJECTED},
    Step.WITHDRAW: {QUOTED: WITHDRAWN},
    Step.TAKE_OVER: {ENRICHED: ENRICHED, QUOTED: QUOTED, COUNTERED: COUNTERED},
    Step.CLIENT_ACCEPT: {QUOTED: ACCEPTED, COUNTERED: ACCEPTED},
    Step.CLIENT_COUNTER: {QUOTED: COUNTERED},
    Step.CLIENT_REJECT: {QUOTED: REJECTED, COUNTERED: REJECTED},
    Step.CANCEL: {NEW: CANCELLED, ENRICHED: CANCELLED},
    Step.TRADE_AWAY: {QUOTED: TRADED_AWAY},
    Step.BOOK: {ACCEPTED: BOOKED},
    Step.NOT_BOOK: {ACCEPTED: REJECTED},
    Step.EXPIRE: {NEW: EXPIRED, ENRICHED: EXPIRED, QUOTED: EXPIRED, COUNTERED: EXPIRED},
}
"""The next state by step and state."""
REQUESTS = frozenset(Step) - {Step.RECEIVED, Step.REFUSED, Step.ENRICHED, Step.BOOK, Step.NOT_BOOK, Step.EXPIRE}
"""Steps that somebody asks for: answered in every state. The others happen where they can."""
OUTCOMES = {
    Step.REFUSED: InquiryOutcome.REJECTED,
    Step.DEALER_ACCEPT: InquiryOutcome.DONE,
    Step.PASS: InquiryOutcome.PASSED,
    Step.WITHDRAW: InquiryOutcome.WITHDRAWN,
    Step.CLIENT_REJECT: InquiryOutcome.REJECTED,
    Step.CANCEL: InquiryOutcome.CANCELLED,
    Step.TRADE_AWAY: InquiryOutcome.TRADED_AWAY,
    Step.BOOK: InquiryOutcome.DONE,
    Step.NOT_BOOK: InquiryOutcome.REJECTED,
    Step.EXPIRE: InquiryOutcome.EXPIRED,
}
"""How an inquiry ends by a step, where nothing more is known."""
OLDER_NAMES = {
    NEW: "NEW",
    ENRICHED: "POSITION_ENRICHED",
    BOOKED: "DONE",
    REJECTED: "NOT_DONE",
}
"""States in the words of the older inquiry system, which had no more of them."""
QUOTE_STATUS_CODES = {
    InquiryOutcome.DONE: "1",
    InquiryOutcome.EXPIRED: "3",
    InquiryOutcome.COVERED: "4",
    InquiryOutcome.TRADED_AWAY: "5",
    InquiryOutcome.PASSED: "6",
    InquiryOutcome.TIED: "9",
}
"""FIX's QuoteRespType (694) of an outcome, where it has one."""


def answer(status: InquiryStatus, step: Step) -> InquiryStatus | InquiryReason:
    """The next state, or why there is none, for whatever somebody asks in whatever state."""
    assert step in REQUESTS, f"nobody asks for {step}"
    if status in FINAL:
        return InquiryReason.FINISHED
    return ANSWERS[step].get(status, InquiryReason.NOT_NOW)


def after(status: InquiryStatus | None, step: Step) -> InquiryStatus:
    """The next state, where the step is known to be possible."""
    found = ANSWERS[step].get(status)
    assert found is not None, f"{step} of an inquiry that is {status}"
    return found
