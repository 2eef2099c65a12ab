"""What the inboxes with many kinds of messages take: a part of the catalogue."""

from schemas import accounts, market_data, order_books, shared
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
    shared.Tick,
)

BOOKS: tuple[type[Message], ...] = (
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
