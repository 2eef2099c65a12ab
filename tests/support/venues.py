"""Venues in a box: shards of every noun, connected as the catalogue says, without Kafka.

`Venue` drives the pure machines. `ByteVenue` drives the real shards over real rows and bytes: a shard may lose its
memory between any two records, what it sent meanwhile may arrive or not, and arrives once more when it begins anew.
In both, records of one sender to one shard stay in order, and everything else is up to the random numbers.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, NoReturn

import msgspec
from machines import NOUNS, ONE_OF_EACH, Machine

from app.codecs import Codec
from app.exactly_once import identity
from app.exactly_once.log import Header, Message, Partition
from app.exactly_once.rows import Changes, Rows
from app.exactly_once.shard import SYSTEM_TABLES, Shard
from app.inbox_messages import INQUIRY_COMMANDS, OF_INQUIRIES, OF_THE_DESK
from app.machine import NounMachine
from app.registry import FileRegistry
from app.settings import Profile
from app.topics import DESK_KEY, INBOXES, ROUTES, key_of, partition_of, partitions_of
from domain.ingress import Refused
from domain.parking import CommandTaken
from schemas.accounts import CancelOpenOrders, ResetAccounts, SetFeeSchedule, SetKillSwitch, SetLimits, SetMarginRates
from schemas.feeds import MarketDataEvent
from schemas.inquiries import UpdateMarketMeasures
from schemas.order_books import (
    CancelAllOrders,
    ChangePhase,
    EndSession,
    ListInstrument,
    RearmBreaker,
    ScheduleSession,
    SetBreaker,
    SetLastPrice,
    SetPriceBand,
)
from schemas.order_commands import AmendRequest, CancelRequest, NewOrder
from schemas.shared import Tick

NOUN_OF = {topic: noun for noun, topic in INBOXES.items()}
OUTSIDE, OWNER = ("outside", 0), ("owner", 0)
SHARDS = {
    "accounts": 3,
    "order_books": 2,
    "positions": 2,
    "order_commands": 1,
    "feeds": 1,
    "market_data": 2,
    "inquiries": 2,
    "inquiry_commands": 1,
}

Place = tuple[str, int]
Watch = Callable[[Machine, Any, list[Any]], None]
OF_BOOKS = (
    ListInstrument,
    CancelAllOrders,
    ChangePhase,
    EndSession,
    SetBreaker,
    RearmBreaker,
    ScheduleSession,
    SetLastPrice,
    SetPriceBand,
)


def door_of(command: Any) -> tuple[str, str | None]:
    """Where somebody outside sends a command: the noun, and the key, or None for every shard."""
    if isinstance(command, OF_BOOKS):
        return "order_books", command.symbol
    if isinstance(command, NewOrder | AmendRequest | CancelRequest):
        return "order_commands", command.account_id
    if isinstance(command, MarketDataEvent):
        return "feeds", command.symbol
    if type(command) in (*INQUIRY_COMMANDS, *OF_THE_DESK, UpdateMarketMeasures):
        return _door_of_the_desk(command)
    is_for_all = isinstance(command, ResetAccounts | SetFeeSchedule | SetMarginRates) or (
        isinstance(command, SetKillSwitch | SetLimits | CancelOpenOrders) and not command.account_id
    )
    return "accounts", None if is_for_all else command.account_id


def _door_of_the_desk(command: Any) -> tuple[str, str | None]:
    if type(command) in INQUIRY_COMMANDS:
        return "inquiry_commands", key_of(DESK_KEY)(command)
    return "inquiries", key_of(DESK_KEY)(command) if type(command) in OF_INQUIRIES else None


class Venue:
    """The pure machines. `watches` see every record: the machine after it, the command, its events."""

    def __init__(self, rng: Random, shards: dict[str, int] | None = None, watches: Sequence[Watch] = ()) -> None:
        self.rng, self.shards, self.watches = rng, ONE_OF_EACH | (shards or SHARDS), watches
        self.machines = {
            (noun, number): Machine(noun, number, self.shards)
            for noun, count in self.shards.items()
            for number in range(count)
        }
        self.queues: defaultdict[tuple[Place, Place], deque[Any]] = defaultdict(deque)
        self.inboxes: defaultdict[Place, list[Any]] = defaultdict(list)
        """Every record that each shard took."""
        self.public: list[Any] = []
        """Every event that was sent to anybody."""
        self.time = 0

    def of(self, noun: str) -> list[Machine]:
        return [machine for (name, _), machine in self.machines.items() if name == noun]

    def send(self, command: Any) -> None:
        """From outside."""
        self.time += 10_000_000
        command = msgspec.structs.replace(command, timestamp=self.time)
        noun, key = door_of(command)
        numbers = range(self.shards[noun]) if key is None else [partition_of(key, self.shards[noun])]
        for number in numbers:
            self.queues[OUTSIDE, (noun, number)].append(command)

    def step(self) -> bool:
        """Lets one record arrive, whichever; false where none is on its way."""
        waiting = [way for way, queue in self.queues.items() if queue]
        if not waiting:
            return False
        way = waiting[self.rng.randrange(len(waiting))]
        self._take(way[1], self.queues[way].popleft())
        return True

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def tick(self) -> bool:
        """Sends the time to shards that wait for it, as their owners do; false where none does."""
        found = False
        for place, machine in self.machines.items():
            due = machine.noun.deadline(machine.state)
            if due is not None:
                self.time = max(self.time, due)
                self.queues[OWNER, place].append(Tick(is_manual=False, timestamp=self.time))
                found = True
        return found

    def settle(self) -> None:
        """Until nothing is on its way, and nobody waits for a time."""
        while self.step() or self.tick():
            pass

    def _take(self, place: Place, command: Any) -> None:
        machine = self.machines[place]
        if not command.command_id:
            command = msgspec.structs.replace(command, command_id=f"{place[0]}-{place[1]}-{len(self.inboxes[place])}")
        self.inboxes[place].append(command)
        events, origin = machine.run(command), command
        if not any(type(event) is Refused for event in events):
            for event in events:
                if type(event) is CommandTaken and event.command.command_id:
                    origin = event.command
                self._send(place, machine, origin, event)
        for watch in self.watches:
            watch(machine, command, events)

    def _send(self, place: Place, machine: Machine, command: Any, event: Any) -> None:
        all_routes = ROUTES[place[0]]
        kind = next((kind for kind in type(event).__mro__ if kind in all_routes), None)
        if kind is None:
            return
        routes, fields = all_routes[kind], {name: getattr(event, name) for name in kind.__struct_fields__}
        event = kind(**fields | {"command_id": command.command_id, "timestamp": machine.now})
        self.public.append(event)
        for route in routes:
            noun = NOUN_OF.get(route.topic)
            if noun is not None:
                count = self.shards[noun]
                everywhere = [place[1]] if route.is_own else list(range(count))
                keys = [key_of(key)(event) for key in (route.key, route.other_key) if key is not None]
                for number in dict.fromkeys(partition_of(key, count) for key in keys) if keys else everywhere:
                    self.queues[place, (noun, number)].append(event)


class LogRecord(NamedTuple):
    """A record of an inbox."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Committed(NamedTuple):
    """One changelog record."""

    changes: Changes
    end: int
    digest: int


def fatal(why: str) -> NoReturn:
    raise AssertionError(why)


class ByteShard:
    """One shard: its inbox, what it journalled, and what it has in memory."""

    def __init__(self, noun: str, number: int, codec: Codec) -> None:
        self.noun, self.inbox, self.codec = NOUNS[noun], Partition(INBOXES[noun], number), codec
        self.log: list[LogRecord] = []
        self.journal: list[Committed] = []
        self.restore()

    def restore(self) -> None:
        """Memory is gone: everything from the journal."""
        rows = Rows(self.noun.tables | SYSTEM_TABLES)
        for committed in self.journal:
            rows.apply(committed.changes)
        assert rows.digest == (self.journal[-1].digest if self.journal else 0)
        self.machine = NounMachine(self.noun, self.codec, Profile.TEST, {}, {})
        self.shard = Shard(self.inbox, self.machine, rows, fatal)
        self.shard.open(self.journal[-1].end if self.journal else None)

    def append(self, message: Message, timestamp: int) -> None:
        self.log.append(LogRecord(len(self.log), timestamp, message.key, message.value, message.headers))

    @property
    def backlog(self) -> int:
        return len(self.log) - self.shard.next

    def take(self, count: int) -> dict[Partition, list[Message]]:
        """Takes so many records -> what it sends; nothing of it is journalled yet."""
        records = self.log[self.shard.next : self.shard.next + count]
        self.taken = self.shard.take(records, self.shard.next + len(records))
        return self.taken.outputs

    def commit(self) -> None:
        self.journal.append(Committed(self.taken.changes, self.taken.end, self.taken.digest))

    @property
    def state(self) -> Any:
        return self.machine.state


class ByteVenue:
    """The real shards. Each crash leaves a dead sender behind, whose last outputs are still on their way."""

    def __init__(self, rng: Random, crashes: float) -> None:
        self.rng, self.crashes, self.codec = rng, crashes, Codec(FileRegistry())
        self.shards = {
            Partition(topic, number): ByteShard(noun, number, self.codec)
            for noun, topic in INBOXES.items()
            for number in range(partitions_of(topic, Profile.TEST))
        }
        self.ways: defaultdict[tuple[Any, Partition], deque[Message]] = defaultdict(deque)
        self.sent: dict[tuple[Partition, bytes], bytes] = {}
        """What was sent to where under which identity: under one identity always the same."""
        self.time = 0
        self.crashed = self.lost = 0

    def send(self, command: Any) -> None:
        self.time += 10_000_000
        command = msgspec.structs.replace(command, timestamp=self.time)
        noun, key = door_of(command)
        topic = INBOXES[noun]
        count = partitions_of(topic, Profile.TEST)
        for number in range(count) if key is None else [partition_of(key, count)]:
            self.ways[None, Partition(topic, number)].append(Message(None, self.codec.encode(command), []))

    def step(self) -> bool:
        """One record arrives, or one shard takes a few."""
        ways = [way for way, queue in self.ways.items() if queue]
        busy = [shard for shard in self.shards.values() if shard.backlog]
        if not ways and not busy:
            return False
        chosen = self.rng.randrange(len(ways) + len(busy))
        if chosen < len(ways):
            destination = ways[chosen][1]
            self.shards[destination].append(self.ways[ways[chosen]].popleft(), self.time // 1_000_000)
        else:
            self._work(busy[chosen - len(ways)])
        return True

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def tick(self) -> None:
        """Sends the time to every shard."""
        value = self.codec.encode(Tick(is_manual=False, timestamp=self.time))
        for inbox, shard in self.shards.items():
            if Tick in shard.noun.commands and not shard.noun.is_ingress:
                self.ways[None, inbox].append(Message(None, value, []))

    def settle(self) -> None:
        while self.step():
            pass

    def _work(self, shard: ByteShard) -> None:
        outputs = shard.take(self.rng.randint(1, 4))
        is_crash = self.rng.random() < self.crashes
        alive = (shard.inbox, "alive")
        for destination, messages in outputs.items():
            arriving = messages[: self.rng.randint(0, len(messages))] if is_crash else messages
            self.lost += len(messages) - len(arriving)
            # What was journalled had arrived before: only then may the dead be slower than those who come after them.
            is_late = is_crash and not self.ways[alive, destination]
            for message in arriving:
                self._sent((shard.inbox, self.crashed) if is_late else alive, destination, message)
        if not is_crash:
            shard.commit()
        if is_crash or self.rng.random() < self.crashes:
            self.crashed += 1
            shard.restore()

    def _sent(self, sender: Any, destination: Partition, message: Message) -> None:
        name = next(value for key, value in message.headers if key == identity.HEADER)
        assert self.sent.setdefault((destination, name), message.value) == message.value, "one identity, two contents"
        if destination.topic in NOUN_OF:
            self.ways[sender, destination].append(message)

    def folded(self) -> Iterator[tuple[ByteShard, ByteShard, dict[tuple[Partition, bytes], bytes]]]:
        """Each shard, one that folds its inbox undisturbed, and what that one sends."""
        for inbox, shard in self.shards.items():
            calm = ByteShard(NOUN_OF[inbox.topic], inbox.number, self.codec)
            calm.log = shard.log
            sent = {}
            while calm.backlog:
                for destination, messages in calm.take(200).items():
                    for message in messages:
                        sent[destination, message.headers[0][1]] = message.value
                calm.commit()
            yield shard, calm, sent
