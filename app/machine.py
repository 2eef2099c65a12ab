"""Drives the pure machine of a noun: bytes to command, decide, evolve, events to bytes, each to where it goes."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from app.codecs import Codec, schema_id
from app.exactly_once import identity
from app.exactly_once.log import Header, Partition, Record
from app.exactly_once.shard import DeadLetter as PutAside
from app.exactly_once.shard import Shard, StopShard, Undecodable
from app.settings import Profile
from app.topics import DEAD_LETTERS, INBOXES, ROUTES, Route, key_of, partition_of, partitions_of
from domain.ingress import Refused
from domain.parking import CommandTaken
from schemas.shared import DeadLetter, Tick
from schemas.wire import LENGTH, LONG, STRING

PAYLOAD_BYTES_MAX = 4_000
DETAIL_LENGTH_MAX = 500
MILLISECOND_NS = 1_000_000
TRACEPARENT = "traceparent"
"""The header by which traces go on (W3C Trace Context)."""
PLACES_MAX = 1 << 16
"""Keys of one route whose partition is remembered."""


class Place(NamedTuple):
    """Where a shard stands: its partition, and how many partitions each inbox has."""

    partition: int
    partitions: Mapping[str, int]

    def owns(self, noun: str, key: str) -> bool:
        """Whether a key of the noun belongs to this shard of it."""
        count = self.partitions[noun]
        return count == 1 or partition_of(key, count) == self.partition


@dataclass(frozen=True)
class Noun:
    """One noun: its tables, and how its machine is made of them."""

    name: str
    commands: tuple[type, ...]
    tables: dict[str, type]
    state: Callable[[Mapping[str, Any], Place], Any]
    decide: Callable[[Any, Any], Iterable[Any]]
    evolve: Callable[[Any, Any], None]
    deadline: Callable[[Any], int | None]
    is_ingress: bool = False
    """Reads a public topic: what cannot be decoded is put aside, and the broker's time of arrival counts."""
    records: Mapping[type, Callable[[Any], Iterable[Any]]] = field(default_factory=dict)
    """What is made of events that stay inside, for others to read: each is sent as if it were an event itself."""
    read_pause_s: float = 0.0
    """How long after a read of its inbox the next one may wait: for nouns at the end, on which no other one waits."""

    @property
    def inbox(self) -> str:
        """Its inbox topic."""
        return INBOXES[self.name]


class Origin(dict[str, bytes]):
    """The envelope of what a machine emits: who began it, what caused it. Encoded once for all that a record causes.

    Its items are what follows the event id, by the cause that a message names; most name none. Nothing is made before
    something is sent: most of what comes to a door waits there.
    """

    __slots__ = ("_command", "_head", "_name", "_tail", "event_id", "timestamp")

    def __init__(self, command: Any, timestamp: int, name: tuple[Partition, int] | None = None) -> None:
        self._command, self.timestamp, self._name = command, timestamp, name
        self.event_id = b""
        """Of the event that is sent next, as an Avro string."""

    @property
    def correlation_id(self) -> str:
        """What ties it all together."""
        return self._command.correlation_id or self._command_id()

    def _command_id(self) -> str:
        return self._command.command_id or ("" if self._name is None else named(*self._name))

    def __missing__(self, caused_by: str) -> bytes:
        if not self:
            command, command_id = self._command, self._command_id()
            self._head = STRING[command_id] + STRING[command.correlation_id or command_id]
            self._tail = STRING[command.actor_id] + LONG[self.timestamp]
            cause = command.event_id.encode()  # hardly ever another message's: it would only fill the table
            self[""] = self._head + (LENGTH[len(cause)] + cause if cause else STRING[command_id]) + self._tail
            if not caused_by:
                return self[""]
        found = self[caused_by] = self._head + STRING[caused_by] + self._tail
        return found


def named(inbox: Partition, offset: int) -> str:
    """The id of a command whose sender gave it none: its place in the log."""
    return f"{inbox.topic}-{inbox.number}-{offset}"


class Places(dict[str, tuple[Partition, bytes]]):
    """Where a key of one topic lives, and its bytes."""

    def __init__(self, partitions: list[Partition]) -> None:
        super().__init__()
        self._partitions = partitions

    def __missing__(self, key: str) -> tuple[Partition, bytes]:
        if len(self) >= PLACES_MAX:
            self.clear()
        number = partition_of(key, len(self._partitions))
        found = self[key] = (self._partitions[number], key.encode())
        return found


class Way:
    """A route, ready to be used."""

    def __init__(self, route: Route, profile: Profile, own: int) -> None:
        count = partitions_of(route.topic, profile)
        self.key = None if route.key is None else key_of(route.key)
        self.other_key = None if route.other_key is None else key_of(route.other_key)
        self.is_public = route.topic not in INBOXES.values()
        """Outside consumers drop repetitions by the header `event_id`; shards have the identity."""
        self.everywhere = [Partition(route.topic, number) for number in ([own] if route.is_own else range(count))]
        self.places = Places(self.everywhere)


class Mailing(NamedTuple):
    """How events of one type are sent."""

    frame: bytes
    ways: tuple[Way, ...]
    tell: Callable[[Any, Origin], None] | None


@dataclass
class NounMachine:
    """The machine of one shard."""

    noun: Noun
    codec: Codec
    profile: Profile
    heard: Mapping[type, Callable[[Any, float], None]]
    """What hears commands that were taken, and in how many seconds, by their type: for metrics and logs alone."""
    told: Mapping[type, Callable[[Any, Origin], None]]
    """What hears events that were sent."""

    def open(self, shard: Shard) -> None:
        """Binds the machine to the shard's rows."""
        self.shard = shard
        inboxes = {noun: partitions_of(topic, self.profile) for noun, topic in INBOXES.items()}
        place = Place(shard.inbox.number, inboxes)
        self.state = self.noun.state(shard.rows.tables, place)
        self._keeps_trace = hasattr(self.state, "traceparent")
        self._event_prefix = f"{self.noun.name}-{shard.inbox.number}-".encode()
        self._commands = frozenset(self.noun.commands)
        self._mailings = {
            kind: Mailing(
                self.codec.frame(event),
                tuple(Way(route, self.profile, shard.inbox.number) for route in routes),
                self.told.get(event),
            )
            for event, routes in ROUTES[self.noun.name].items()
            for kind in (event, *event.__subclasses__())
        }

    @property
    def is_manual(self) -> bool:
        """Whether the shard's clock moves by hand."""
        return self.shard.cursor.is_manual

    def taken_back(self) -> None:
        """Rows are as before: what was derived from them is derived anew."""
        self.state.rebuild()

    def handle(self, record: Record) -> None:
        """Decides and evolves one record, event by event."""
        command = self._decoded(record)
        state, noun, shard = self.state, self.noun, self.shard
        if not command.command_id and not noun.is_ingress:
            command = msgspec.structs.replace(command, command_id=named(shard.inbox, record.offset))
        state.now = shard.advance(record.timestamp * MILLISECOND_NS if noun.is_ingress else command.timestamp)
        origin = Origin(command, state.now, (shard.inbox, record.offset))
        traces = self._traces(record)
        evolve, mailings = noun.evolve, self._mailings
        hear = self.heard.get(type(command))
        began = 0.0 if hear is None else time.perf_counter()
        for event in noun.decide(state, command):
            evolve(state, event)
            mailing = mailings.get(type(event))
            if mailing is not None:
                self._send(event, mailing, origin, traces)
            elif (records := noun.records.get(type(event))) is not None:
                for message in records(event):
                    self._send(message, mailings[type(message)], origin, traces)
            elif type(event) is Refused:
                raise Undecodable(event.reason, event.detail)
            elif type(event) is CommandTaken:
                origin, traces = self._taken(event, origin)
        if type(command) is Tick and command.is_manual:
            shard.cursor.is_manual = True
        if hear is not None:
            hear(command, time.perf_counter() - began)

    def _traces(self, record: Record) -> list[Header]:
        """The traces that a record belongs to: handed on with everything that it causes."""
        headers = record.headers
        if not headers or (len(headers) == 1 and headers[0][0] == identity.HEADER):  # as nearly always
            traces = []
        else:
            traces = [header for header in headers if header[0] == TRACEPARENT]
        if self._keeps_trace:
            self.state.traceparent = traces[0][1] if traces else b""
        return traces

    def _taken(self, event: CommandTaken, origin: Origin) -> tuple[Origin, list[Header]]:
        """What follows is the doing of a command that waited: under its name, and in its trace."""
        if event.command.command_id:
            origin = Origin(event.command, self.state.now)
        return origin, [(TRACEPARENT, event.traceparent)] if event.traceparent else []

    def _decoded(self, record: Record) -> Any:
        try:
            command = self.codec.decode(record.value)
        except Undecodable as error:
            if self.noun.is_ingress:
                raise
            raise StopShard(f"{self.shard.inbox} offset {record.offset}: {error}") from error
        if type(command) not in self._commands:
            if self.noun.is_ingress:
                raise Undecodable("UNKNOWN_MESSAGE", f"{command.schema_name} is no command of this topic")
            raise StopShard(f"{self.shard.inbox} offset {record.offset}: {command.schema_name} is none of its commands")
        return command

    def _send(self, event: Any, mailing: Mailing, origin: Origin, traces: list[Header]) -> None:
        """The innermost loop of everything: what an event costs, it costs here."""
        shard = self.shard
        cursor = shard.cursor
        cursor.events += 1
        event_id = self._event_prefix + b"%d" % cursor.events
        origin.event_id = LENGTH[len(event_id)] + event_id
        value = mailing.frame + event.encoded(origin)
        for way in mailing.ways:
            headers = [("event_id", event_id), *traces] if way.is_public else traces
            if way.key is None:
                for partition in way.everywhere:
                    shard.emit(partition, None, value, headers)
            else:
                partition, key = way.places[way.key(event)]
                shard.emit(partition, key, value, headers)
                if way.other_key is not None:
                    other, key = way.places[way.other_key(event)]
                    if other is not partition:
                        shard.emit(other, key, value, headers)
        if mailing.tell is not None:
            mailing.tell(event, origin)

    def put_aside(self, letter: PutAside) -> None:
        """Emits the dead letter."""
        record, inbox = letter.record, self.shard.inbox
        payload = record.value or b""
        lines = letter.stack.strip().splitlines() or [""]
        message = DeadLetter(
            reason=letter.reason,
            detail=lines[-1][:DETAIL_LENGTH_MAX],
            topic=inbox.topic,
            partition=inbox.number,
            offset=record.offset,
            key=(record.key or b"")[:PAYLOAD_BYTES_MAX],
            payload=payload[:PAYLOAD_BYTES_MAX],
            payload_bytes=len(payload),
            schema_id=schema_id(record.value),
            stack=letter.stack,
            event_id=(self._event_prefix + b"%d" % self.shard.next_event_number()).decode(),
            timestamp=self.shard.advance(0),
        )
        number = partition_of(inbox.topic, partitions_of(DEAD_LETTERS, self.profile))
        key, event_id = inbox.topic.encode(), message.event_id.encode()
        self.shard.emit(Partition(DEAD_LETTERS, number), key, self.codec.encode(message), [("event_id", event_id)])
