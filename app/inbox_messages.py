"""What topics with many kinds of messages take: a part of the catalogue."""

from schemas import accounts, inquiries, inquiry_commands, market_data, order_books, positions, shared
from schemas.wire import Message

ACCOUNTS: tuple[type[Message], ...] = (
    accounts.OpenAccount,
    accounts.DepositFunds,
    accounts.WithdrawFunds,
    accounts.SetFeeSchedule,
    accounts.AssignFeeSchedule,
    accounts.PlaceOrder,
    accounts.AmendOrder,
    accounts.CancelOrder,
    accounts.CancelOpenOrders,
    accounts.SetCancelTimer,
    accounts.ResetAccounts,
    accounts.ChangeAccountState,
    accounts.SetKillSwitch,
    accounts.SetLimits,
    accounts.ChangeAccountKind,
    accounts.SetMarginRates,
    accounts.WatchAccounts,
    order_books.OrderRested,
    order_books.TradeExecuted,
    order_books.OrderCancelled,
    order_books.OrderReplaced,
    order_books.OrderReduced,
    order_books.OrderArmed,
    order_books.OrderTriggered,
    order_books.ReplaceRefused,
    order_books.CancelRefused,
    order_books.InstrumentListed,
    order_books.MarkPrices,
    inquiries.InquiryBooked,
    shared.Tick,
)

BOOKS: tuple[type[Message], ...] = (
    order_books.EnterLimitOrder,
    order_books.EnterOrder,
    order_books.ReplaceOrder,
    order_books.ReduceOrder,
    order_books.CancelRestingOrder,
    order_books.CancelAllOrders,
    order_books.ChangePhase,
    order_books.EndSession,
    order_books.SetPriceBand,
    order_books.SetBreaker,
    order_books.RearmBreaker,
    order_books.SetLastPrice,
    order_books.SetReferencePrices,
    order_books.ContinueMatching,
    order_books.ContinueReset,
    order_books.ScheduleSession,
    order_books.ListInstrument,
    order_books.ResetBooks,
    shared.Tick,
)

MARKET_DATA: tuple[type[Message], ...] = (
    market_data.RecordObservations,
    market_data.SetAlert,
    market_data.RemoveAlert,
    market_data.ResetMarketData,
    order_books.InstrumentListed,
    shared.Tick,
)

POSITIONS: tuple[type[Message], ...] = (
    order_books.TradeExecuted,
    order_books.MarkPrices,
    inquiries.InquiryBooked,
    positions.ResetPositions,
    shared.Tick,
)

OF_INQUIRIES: tuple[type[Message], ...] = (
    inquiries.OpenInquiry,
    inquiries.QuoteInquiry,
    inquiries.RespondToInquiry,
    inquiries.DecideInquiry,
)
"""What clients and dealers ask."""
OF_THE_DESK: tuple[type[Message], ...] = (
    *OF_INQUIRIES,
    inquiries.SetDeskTerms,
    inquiries.SetDeskSwitch,
    inquiries.UpdateReferencePrices,
)
"""And what operators lay down."""
INQUIRIES: tuple[type[Message], ...] = (
    *OF_THE_DESK,
    inquiries.ResetInquiries,
    inquiries.UpdateMarketMeasures,
    order_books.InstrumentListed,
    order_books.PhaseChanged,
    order_books.SetReferencePrices,
    accounts.AccountKindChanged,
    accounts.ExposuresReported,
    shared.Tick,
)

INQUIRY_COMMANDS: tuple[type[Message], ...] = (
    inquiry_commands.NewInquiry,
    inquiry_commands.InquiryQuote,
    inquiry_commands.InquiryReply,
    inquiry_commands.InquiryVerdict,
    inquiry_commands.Inquiry,
)

INQUIRY_EVENTS: tuple[type[Message], ...] = (
    inquiries.InquiryEvent,
    inquiries.QuoteDecided,
    inquiries.InquiryRefused,
    inquiries.DeskPositionChanged,
    inquiries.DeskTermsChanged,
    inquiries.DeskSwitched,
)
"""What the desk tells, in one order for each book's instrument."""

BOOK_EVENTS: tuple[type[Message], ...] = (
    order_books.PhaseChanged,
    order_books.AuctionIndicated,
    order_books.BreakerSet,
    order_books.BreakerRearmed,
    order_books.SessionScheduled,
    order_books.SessionCancelled,
    order_books.SessionOpened,
    order_books.SessionClosed,
    order_books.HolidayDeclared,
)
"""How a book trades, for everybody."""
RISK_EVENTS: tuple[type[Message], ...] = (
    accounts.RiskChecked,
    accounts.AccountStateChanged,
    accounts.AccountKindChanged,
    accounts.LimitsChanged,
    accounts.MarginRatesChanged,
)
"""What accounts tell of risk."""
ANALYTICS_EVENTS: tuple[type[Message], ...] = (
    market_data.MarketDataReceived,
    market_data.PriceUpdated,
    market_data.AnalyticsCalculated,
    market_data.BarClosed,
)
"""What is made of market data."""
ALERT_EVENTS: tuple[type[Message], ...] = (market_data.AlertSet, market_data.AlertRemoved, market_data.AlertTriggered)
"""What users are told of their alerts."""
