"""The catalogue: every topic with its key, its messages and its size, and where each event of each noun goes."""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2

from app import inbox_messages
from app.exactly_once.changelog import RECORD_BYTES_MAX, topic_of
from app.settings import Profile
from schemas import accounts, feeds, inquiries, market_data, order_books, order_commands, positions, shared
from schemas.wire import Message

DAY_MS = 86_400_000
FOREVER = -1
DEV_PARTITIONS, DEMO_PARTITIONS = 4, 1
"""What a step costs, it costs once a partition: a worker that is alone is quickest with one of each."""
BATCH_OVERHEAD_BYTES = 64 << 10


class Topic(NamedTuple):
    """One topic. Partition counts and copies hold in `prod`; everywhere else 4 partitions and one copy."""

    name: str
    key: str
    """The field that says where a record goes; several are parted by `|`, and so are their values."""
    partitions: int
    retention_ms: int
    messages: tuple[type[Message], ...] = ()
    compression: str = "lz4"
    is_public_input: bool = False
    record_bytes_max: int = 1 << 20


class Route(NamedTuple):
    """One destination of an event: the topic, and the attribute that is its key; no key means every partition."""

    topic: str
    key: str | None
    other_key: str | None = None
    """Of a second partition that gets it, too, unless it is the same one."""
    is_own: bool = False
    """Only the partition of the shard that sends it: a shard that speaks to itself."""


ACCOUNTS, BOOKS, POSITIONS = "accounts-inbox", "order-books-inbox", "positions-inbox"
ORDER_COMMANDS, FEEDS, MARKET_DATA = "order-commands", "market-data", "market-data-inbox"
INQUIRIES, INQUIRY_COMMANDS = "inquiries-inbox", "inquiry-commands"
DESK_KEY = "book_id|instrument_id"
"""A book's instrument: one position, and one order of inquiries."""
INBOXES = {
    "accounts": ACCOUNTS,
    "order_books": BOOKS,
    "positions": POSITIONS,
    "order_commands": ORDER_COMMANDS,
    "feeds": FEEDS,
    "market_data": MARKET_DATA,
    "inquiries": INQUIRIES,
    "inquiry_commands": INQUIRY_COMMANDS,
}
"""The inbox of each noun."""
DEAD_LETTERS = "dead-letters"

_INBOX_TOPICS = (
    Topic(ACCOUNTS, "account_id", 50, FOREVER, inbox_messages.ACCOUNTS),
    Topic(BOOKS, "symbol", 50, FOREVER, inbox_messages.BOOKS),
    Topic(
        POSITIONS,
        "account_id",
        20,
        FOREVER,
        inbox_messages.POSITIONS,
    ),
    Topic(
        ORDER_COMMANDS,
        "account_id",
        50,
        30 * DAY_MS,
        (order_commands.NewOrder, order_commands.AmendRequest, order_commands.CancelRequest),
        is_public_input=True,
    ),
    Topic(
        FEEDS,
        "symbol",
        100,
        DAY_MS,
        (feeds.MarketDataEvent, feeds.TradePrint, feeds.DepthUpdate),
        is_public_input=True,
    ),
    Topic(
        MARKET_DATA,
        "symbol",
        100,
        7 * DAY_MS,
        inbox_messages.MARKET_DATA,
    ),
    Topic(INQUIRIES, DESK_KEY, 20, FOREVER, inbox_messages.INQUIRIES),
    Topic(INQUIRY_COMMANDS, DESK_KEY, 20, 30 * DAY_MS, inbox_messages.INQUIRY_COMMANDS, is_public_input=True),
)
_PUBLIC_TOPICS = (
    Topic("inquiry-events", DESK_KEY, 20, 365 * DAY_MS, inbox_messages.INQUIRY_EVENTS),
    Topic("order-events", "account_id", 50, 30 * DAY_MS, (accounts.OrderEvent,), "snappy"),
    Topic("trade-events", "symbol", 50, 365 * DAY_MS, (order_books.TradeExecuted,), "snappy"),
    Topic(
        "book-events",
        "symbol",
        50,
        365 * DAY_MS,
        (*inbox_messages.BOOK_EVENTS, order_books.BreakerTripped, order_books.InstrumentListed),
    ),
    Topic("position-events", "account_id", 20, 365 * DAY_MS, (positions.PositionEvent,)),
    Topic("risk-events", "account_id", 10, 30 * DAY_MS, (*inbox_messages.RISK_EVENTS, order_books.BreakerTripped)),
    Topic("balance-events", "account_id", 50, 365 * DAY_MS, (accounts.BalanceEvent, accounts.AccountOpened)),
    Topic("analytics-events", "symbol", 50, 30 * DAY_MS, inbox_messages.ANALYTICS_EVENTS),
    Topic("alert-events", "user_id", 10, 30 * DAY_MS, inbox_messages.ALERT_EVENTS),
    Topic("market-data-late", "symbol", 10, 30 * DAY_MS, (market_data.TickDropped,)),
    Topic(DEAD_LETTERS, "topic", 4, 365 * DAY_MS, (shared.DeadLetter,)),
)
_CHANGELOGS = tuple(
    Topic(topic_of(inbox.name), "", inbox.partitions, FOREVER, record_bytes_max=RECORD_BYTES_MAX)
    for inbox in _INBOX_TOPICS
)
TOPICS = {topic.name: topic for topic in (*_INBOX_TOPICS, *_PUBLIC_TOPICS, *_CHANGELOGS)}
"""Every topic by its name."""

_TO_ITSELF = Route(BOOKS, None, is_own=True)
_ACCOUNTS_TO_ITSELF = Route(ACCOUNTS, None, is_own=True)
ROUTES: dict[str, dict[type, tuple[Route, ...]]] = {
    "order_commands": {
        command: (Route(ACCOUNTS, "account_id"),)
        for command in (accounts.PlaceOrder, accounts.AmendOrder, accounts.CancelOrder)
    },
    "feeds": {market_data.RecordObservations: (Route(MARKET_DATA, "symbol"),)},
    "market_data": {
        order_books.SetReferencePrices: (Route(BOOKS, "symbol"), Route(INQUIRIES, None)),
        inquiries.UpdateMarketMeasures: (Route(INQUIRIES, None),),
        **dict.fromkeys(inbox_messages.ANALYTICS_EVENTS, (Route("analytics-events", "symbol"),)),
        market_data.TickDropped: (Route("market-data-late", "symbol"),),
        **dict.fromkeys(inbox_messages.ALERT_EVENTS, (Route("alert-events", "user_id"),)),
    },
    "accounts": {
        accounts.OrderEvent: (Route("order-events", "account_id"),),
        **dict.fromkeys((accounts.BalanceEvent, accounts.AccountOpened), (Route("balance-events", "account_id"),)),
        order_books.EnterLimitOrder: (Route(BOOKS, "symbol"),),
        order_books.EnterOrder: (Route(BOOKS, "symbol"),),
        order_books.ReplaceOrder: (Route(BOOKS, "symbol"),),
        order_books.CancelRestingOrder: (Route(BOOKS, "symbol"),),
        order_books.ResetBooks: (Route(BOOKS, None),),
        order_books.CancelAllOrders: (Route(BOOKS, "symbol"),),
        **{event: (Route("risk-events", "account_id"),) for event in inbox_messages.RISK_EVENTS},
        accounts.AccountKindChanged: (Route("risk-events", "account_id"), Route(INQUIRIES, None)),
        accounts.ExposuresReported: (Route(INQUIRIES, None),),
        inquiries.ResetInquiries: (Route(INQUIRIES, None),),
        **dict.fromkeys(
            (
                *(accounts.SetKillSwitch, accounts.CancelOpenOrders),
                *(accounts.SetLimits, accounts.WatchAccounts, shared.Tick),
            ),
            (_ACCOUNTS_TO_ITSELF,),
        ),
    },
    "order_books": {
        order_books.TradeExecuted: (
            Route("trade-events", "symbol"),
            Route(ACCOUNTS, "buy_account_id", "sell_account_id"),
            Route(POSITIONS, "buy_account_id", "sell_account_id"),
        ),
        order_books.OrderRested: (Route(ACCOUNTS, "account_id"),),
        order_books.OrderCancelled: (Route(ACCOUNTS, "account_id"),),
        order_books.OrderReplaced: (Route(ACCOUNTS, "account_id"),),
        order_books.OrderReduced: (Route(ACCOUNTS, "account_id"),),
        order_books.OrderArmed: (Route(ACCOUNTS, "account_id"),),
        order_books.OrderTriggered: (Route(ACCOUNTS, "account_id"),),
        order_books.ReplaceRefused: (Route(ACCOUNTS, "account_id"),),
        order_books.CancelRefused: (Route(ACCOUNTS, "account_id"),),
        order_books.MarkPrices: (Route(ACCOUNTS, None), Route(POSITIONS, None)),
        order_books.InstrumentListed: (
            Route(ACCOUNTS, None),
            Route(MARKET_DATA, "symbol"),
            Route(INQUIRIES, None),
            Route("book-events", "symbol"),
        ),
        **dict.fromkeys(inbox_messages.BOOK_EVENTS, (Route("book-events", "symbol"),)),
        order_books.PhaseChanged: (Route("book-events", "symbol"), Route(INQUIRIES, None)),
        order_books.BreakerTripped: (Route("book-events", "symbol"), Route("risk-events", "account_id")),
        order_books.ContinueMatching: (_TO_ITSELF,),
        order_books.ContinueReset: (_TO_ITSELF,),
        accounts.ResetAccounts: (Route(ACCOUNTS, None),),
        positions.ResetPositions: (Route(POSITIONS, None),),
        market_data.ResetMarketData: (Route(MARKET_DATA, None),),
    },
    "positions": {positions.PositionEvent: (Route("position-events", "account_id"),)},
    "inquiry_commands": {command: (Route(INQUIRIES, DESK_KEY),) for command in inbox_messages.OF_INQUIRIES},
    "inquiries": {
        **dict.fromkeys(inbox_messages.INQUIRY_EVENTS, (Route("inquiry-events", DESK_KEY),)),
        inquiries.InquiryBooked: (
            Route(ACCOUNTS, "buy_account_id", "sell_account_id"),
            Route(POSITIONS, "buy_account_id", "sell_account_id"),
        ),
        order_books.TradeExecuted: (Route("trade-events", "symbol"),),
        accounts.ResetAccounts: (Route(ACCOUNTS, None),),
        positions.ResetPositions: (Route(POSITIONS, None),),
        **dict.fromkeys((inquiries.SetDeskSwitch, shared.Tick), (Route(INQUIRIES, None, is_own=True),)),
    },
}
"""Where the events of each noun go. What is not named here stays inside."""

GATEWAY_COMMANDS: dict[str, tuple[type[Message], ...]] = {
    "accounts": (
        accounts.PlaceOrder,
        accounts.AmendOrder,
        accounts.CancelOrder,
        accounts.CancelOpenOrders,
        accounts.SetCancelTimer,
        accounts.DepositFunds,
        accounts.WithdrawFunds,
        accounts.SetFeeSchedule,
        accounts.AssignFeeSchedule,
        accounts.ResetAccounts,
        accounts.ChangeAccountState,
        accounts.SetKillSwitch,
        accounts.SetLimits,
        accounts.ChangeAccountKind,
        accounts.SetMarginRates,
    ),
    "order_books": (
        order_books.ListInstrument,
        order_books.ScheduleSession,
        order_books.ChangePhase,
        order_books.SetPriceBand,
        order_books.SetBreaker,
        order_books.RearmBreaker,
        order_books.EndSession,
        order_books.CancelAllOrders,
        order_books.SetReferencePrices,
    ),
    "market_data": (market_data.SetAlert, market_data.RemoveAlert),
    "inquiries": inbox_messages.OF_THE_DESK,
}
"""What gateways write into the inboxes of nouns."""
GATEWAY_READS = ("accounts", "order_books", "positions", "market_data", "inquiries")
"""Nouns of whose changelogs gateways keep replicas."""


def key_of(fields: str) -> Callable[[Any], str]:
    """What reads the key of a message off its fields."""
    if "|" not in fields:
        return attrgetter(fields)
    if fields == DESK_KEY:
        return _desk_key
    values = attrgetter(*fields.split("|"))
    return lambda message: "|".join(values(message))


def _desk_key(message: Any) -> str:
    """The same, as fast as can be: nearly all that the desk says has it."""
    return f"{message.book_id}|{message.instrument_id}"


@lru_cache(maxsize=1 << 16)
def partition_of(key: str, partitions: int) -> int:
    """The one function that says where a key lives: Java's default partitioner."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def partitions_of(topic: str, profile: Profile) -> int:
    """How many partitions the topic has."""
    if topic == DEAD_LETTERS and profile is not Profile.PROD:
        return 1
    if profile is Profile.PROD:
        return TOPICS[topic].partitions
    return DEMO_PARTITIONS if profile is Profile.DEMO else DEV_PARTITIONS


def replication_of(profile: Profile) -> int:
    """How many copies every topic has."""
    return 3 if profile is Profile.PROD else 1


def compression_of(topic: Topic, profile: Profile) -> str:
    """How a topic's records are compressed: outside `prod` not at all, for batches there are small and go nowhere."""
    return topic.compression if profile is Profile.PROD else "uncompressed"


def config_of(topic: Topic, profile: Profile) -> dict[str, str]:
    """The broker's settings for a topic."""
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "compression.type": compression_of(topic, profile),
        "max.message.bytes": str(topic.record_bytes_max + BATCH_OVERHEAD_BYTES),
    }
    if topic.is_public_input:
        config["message.timestamp.type"] = "LogAppendTime"
    if profile is Profile.PROD:
        config["min.insync.replicas"] = "2"  # outputs too: none may be lost behind a cursor that counts it as sent
    return config
