"""A shard takes inbox records: skips repetitions, lets the machine change rows, and numbers what it emits."""

import traceback
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from typing import NamedTuple, Protocol

import msgspec

from app.exactly_once import identity
from app.exactly_once.log import Fatal, Header, Message, Partition, Record
from app.exactly_once.rows import Changes, ChangesTooLarge, Rows

SUB_BATCH_RECORDS_MAX = 256
OUTPUT_BYTES_MAX = 1_000_000
"""One output; the bound of the ordinary topics lies a little above."""
CHANGES_BYTES_MAX = 8 << 20
"""Row changes of one sub-batch: half of what a changelog record may weigh, so that cold rows fit beside them."""
CURSOR, SEEN = "_cursor", "_seen"
SYSTEM_TABLES: dict[str, type] = {CURSOR: bytes, SEEN: bytes}
"""Tables that every shard has."""


class Cursor(msgspec.Struct, array_like=True):
    """What a shard remembers beside its rows; kept as a row, or truncation would lose it."""

    clock: int = 0
    """Nanoseconds since the epoch; never goes back."""
    events: int = 0
    """How many event ids were given."""
    incarnation: int = 0
    """Counts how often an operator accepted that the inbox topic was made anew."""
    offset: int = -1
    """Of the last record taken; with its timestamp and checksum it tells a topic that was made anew."""
    timestamp: int = -1
    checksum: int = 0
    is_manual: bool = False
    """The clock moves by hand."""


class Undecodable(Exception):  # noqa: N818 - it is what the record is
    """A record that cannot be taken, whatever the state. `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class StopShard(Exception):  # noqa: N818 - an order, not an error
    """The shard must not pass this record: a newer version's command, or bytes that no internal inbox may hold."""


class DeadLetter(NamedTuple):
    """A record that was put aside: nothing of it reached the rows."""

    record: Record
    reason: str
    stack: str


class Machine(Protocol):
    """The part of a noun that a shard drives."""

    def open(self, shard: "Shard") -> None:
        """Binds the machine to the shard's rows, which may have been restored."""

    def handle(self, record: Record) -> None:
        """Decides and evolves one record; emits by `shard.emit`."""

    def taken_back(self) -> None:
        """Rows are as before the last record, or records: whatever was derived from them since is void."""

    def put_aside(self, letter: DeadLetter) -> None:
        """Emits the dead letter."""


class SubBatch(NamedTuple):
    """What taking up to 256 records brought."""

    start: int
    end: int
    outputs: dict[Partition, list[Message]]
    changes: Changes
    digest: int
    version: int
    """Of the rows after it."""
    urgent: bool
    """Somebody may wait for it: it holds a change, or a record that no shard sent."""


class Shard:
    """One inbox partition: position, rows, and the machine that folds the one into the other."""

    def __init__(
        self,
        inbox: Partition,
        machine: Machine,
        rows: Rows,
        fatal: Fatal,
        *,
        domain: tuple[str, ...] = ("domain",),
        is_public: bool = False,
        counts: Counter[str] | None = None,
    ) -> None:
        self.inbox, self.machine, self.rows = inbox, machine, rows
        self.next = 0
        self.cursor = Cursor()
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._fatal, self._domain, self._is_public = fatal, domain, is_public
        self._ends = identity.Ends(inbox.topic.encode())
        self._seen: dict[bytes, bytes] = {}
        """Source, as identities name it -> position of what was taken from there last."""
        self._outputs: defaultdict[Partition, list[Message]] = defaultdict(list)
        self._order: list[list[Message]] = []
        """To which list of `_outputs` each output went: what is taken back leaves in this order."""
        self._index: dict[str, int] = {}
        self._offset = 0
        self._origin = b""

    def open(self, position: int | None) -> None:
        """Takes restored rows over; `position` None means a shard that never took a record."""
        self.next = position or 0
        row = self.rows[CURSOR].get("")
        self.cursor = Cursor() if row is None else msgspec.msgpack.decode(row, type=Cursor)
        self._seen = {identity.source_in(source): bytes(last) for source, last in self.rows[SEEN].scan()}
        self.machine.open(self)

    def take(self, records: Sequence[Record], end: int) -> SubBatch:
        """Takes records from `next` on, up to position `end` or, where their changes weigh too much, a part of them.

        Raises StopShard where the first record is one that this version must not pass, or one that changes more than a
        changelog record can carry; the shard is then as before.
        """
        assert len(records) <= SUB_BATCH_RECORDS_MAX, len(records)
        start, cursor, seen = self.next, copy(self.cursor), dict(self._seen)
        taken, urgent = self._take_all(records)
        try:
            changes = self._collect(records[:taken], seen)
        except ChangesTooLarge as error:
            self._take_back_all(cursor, seen)
            if taken > 1:
                return self.take(records[: taken // 2], records[taken // 2].offset)
            # No dead letter: together with the next record the changes might have been small enough, and what becomes
            # of a record must not depend on where batches are cut.
            raise StopShard(f"{self.inbox} offset {records[0].offset}: its changes weigh too much, {error}") from error
        self.next = end if taken == len(records) else records[taken].offset
        outputs = {destination: messages for destination, messages in self._outputs.items() if messages}
        self._forget_outputs()
        urgent = urgent or not changes.keys() <= SYSTEM_TABLES.keys()
        return SubBatch(start, self.next, outputs, changes, self.rows.digest, self.rows.version, urgent)

    def _take_all(self, records: Sequence[Record]) -> tuple[int, bool]:
        """-> how many were taken, and whether one of them came from outside the shards."""
        urgent, is_public = False, self._is_public
        for number, record in enumerate(records):
            headers = record.headers
            # The first header is where our own shards put it.
            is_ours = not is_public and bool(headers) and headers[0][0] == identity.HEADER
            sender = headers[0][1] if is_ours else self._identity_of(record)
            try:
                if sender is None:
                    urgent = True
                elif not self._is_new(sender):
                    self.counts["repeated"] += 1
                    continue
                self._take_one(record)
            except StopShard:
                if number == 0:
                    raise
                return number, urgent
            if sender is not None:
                self._seen[sender[:2] + sender[18:]] = sender[2:18]  # the slices SOURCE and POSITION of an identity
        return len(records), urgent

    def _is_new(self, sender: bytes) -> bool:
        last = self._seen.get(sender[:2] + sender[18:])
        if last is not None:
            return sender[2:18] > last
        try:
            identity.source_of(sender)
        except ValueError as error:
            raise StopShard(f"{self.inbox}: a record whose identity is none: {sender!r}") from error
        return True

    def _identity_of(self, record: Record) -> bytes | None:
        if self._is_public:
            return None
        return next((value for name, value in record.headers if name == identity.HEADER), None)

    def _collect(self, records: Sequence[Record], seen_before: Mapping[bytes, bytes]) -> Changes:
        """Puts what the shard knows beside its rows into rows of its own, and ends the sub-batch."""
        for source, position in self._seen.items():
            if seen_before.get(source) != position:
                self.rows[SEEN].put(identity.name_of(source), position)
        if records:
            last, cursor = records[-1], self.cursor
            cursor.offset, cursor.timestamp, cursor.checksum = last.offset, last.timestamp, checksum(last)
        self.rows[CURSOR].put("", msgspec.msgpack.encode(self.cursor))
        return self.rows.collect(CHANGES_BYTES_MAX)

    def _take_back_all(self, cursor: Cursor, seen: Mapping[bytes, bytes]) -> None:
        self.rows.take_back(0)
        self.cursor, self._seen = copy(cursor), dict(seen)
        self._forget_outputs()
        self.machine.taken_back()

    def _forget_outputs(self) -> None:
        self._outputs = defaultdict(list)
        self._order.clear()

    def _take_one(self, record: Record) -> None:
        self._begin(record)
        cursor, mark, outputs = self.cursor, len(self.rows.undo), len(self._order)
        clock, events = cursor.clock, cursor.events
        try:
            self.machine.handle(record)
        except Exception as error:
            reason = self._reason(error)
            self.rows.take_back(mark)
            cursor.clock, cursor.events = clock, events
            for messages in self._order[outputs:]:  # the last output of each list, as often as it occurs
                messages.pop()
            del self._order[outputs:]
            self.machine.taken_back()
            if isinstance(error, StopShard):
                raise
            self._put_aside(record, reason, error)
        except BaseException as error:  # noqa: BLE001 - between taking and journalling nothing may slip out
            self._fatal(f"{self.inbox} offset {record.offset}: {error!r}\n{_stack(error)}")

    def _begin(self, record: Record) -> None:
        self._offset = record.offset
        self._index.clear()
        self._origin = identity.position(self.inbox.number, self.cursor.incarnation, record.offset)

    def _put_aside(self, record: Record, reason: str, error: Exception) -> None:
        self._begin(record)
        self.counts["dead letters"] += 1
        self.machine.put_aside(DeadLetter(record, reason, _stack(error)))

    def _reason(self, error: Exception) -> str:
        """The code of a fault of the record; a fault of anything but the domain ends the process."""
        if isinstance(error, Undecodable):
            return error.reason
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        origin = frame.tb_frame.f_globals.get("__name__", "") if frame else ""
        ours = origin.partition(".")[0] in self._domain
        if not isinstance(error, StopShard) and (isinstance(error, MemoryError | RecursionError) or not ours):
            self._fatal(f"{self.inbox} offset {self._offset}: {error!r} in {origin}\n{_stack(error)}")
        return "DOMAIN_ERROR"

    def emit(self, destination: Partition, key: bytes | None, value: bytes, headers: Sequence[Header] = ()) -> None:
        """Adds an output of the record that is being taken."""
        if len(value) > OUTPUT_BYTES_MAX:
            raise Undecodable("OUTPUT_TOO_LARGE", f"{len(value)} bytes to {destination}")
        topic = destination.topic
        index = self._index.get(topic, 0)
        self._index[topic] = index + 1
        origin = self._origin + self._ends[index]
        messages = self._outputs[destination]
        messages.append(Message(key, value, [(identity.HEADER, origin), *headers]))
        self._order.append(messages)

    def advance(self, time: int) -> int:
        """Moves the shard's clock to `time`, if that is later -> the clock, in nanoseconds."""
        self.cursor.clock = max(self.cursor.clock, time)
        return self.cursor.clock

    def next_event_number(self) -> int:
        """1, 2, 3, …: the same for the same inbox, whatever crashed."""
        self.cursor.events += 1
        return self.cursor.events


def checksum(record: Record) -> int:
    """Tells this record from another one at the same offset."""
    return zlib.crc32(record.value or b"", zlib.crc32(record.key or b""))


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-4000:]
