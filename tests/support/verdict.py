"""The verdict on a simulation: what it left behind, compared with an undisturbed fold of every inbox."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from simulated_kafka import SimRecord
from simulated_nouns import INBOXES, KINDS

from app.exactly_once import identity
from app.exactly_once.changelog import ChangelogError, Follower, changelog_of
from app.exactly_once.log import Header, Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import CURSOR, SYSTEM_TABLES, Shard

if TYPE_CHECKING:
    from simulation import World


class Deviation(AssertionError):
    """The simulation found a difference."""


class Output(NamedTuple):
    sender: bytes
    key: bytes | None
    value: bytes


Outputs = defaultdict[tuple[str, Partition], list[Output]]
"""By source shard and destination."""


def verify(world: "World") -> None:
    if world.faults:
        raise Deviation(world.faults[0])
    for worker in world.everybody:
        world.counts += worker.owner.counts
    world.counts += world.broker.counts
    if world.counts["stores that disagree"]:
        raise Deviation("a store did not agree with its changelog")
    if set(world.adoptions) != world.hurt:
        raise Deviation(f"adopted {world.adoptions}, hurt {world.hurt}")
    expected: Outputs = defaultdict(list)
    lost: Outputs = defaultdict(list)
    for inbox in INBOXES:
        _compare_rows(world, inbox, _fold(world, inbox, expected, lost))
    _compare_outputs(world, expected, lost)


def _fold(world: "World", inbox: Partition, expected: Outputs, lost: Outputs) -> Shard:
    """An inbox that was adopted has two parts. Of the first, what was taken but not yet durable may have been sent."""
    log, adoption = world.broker.logs[inbox], world.adoptions.get(inbox)
    shard = _fresh(inbox)
    if adoption is None:
        _take(shard, log.records, expected)
        return shard
    before, begin, incarnation = adoption
    former = world.broker.former[inbox][-1]
    _take(_fresh(inbox), former, lost)
    _take(shard, [record for record in former if record.offset < (before or 0)], expected)
    cursor = shard.cursor
    cursor.incarnation = incarnation
    cursor.offset, cursor.timestamp, cursor.checksum = -1, -1, 0
    shard.rows.apply({CURSOR: {"": msgspec.msgpack.encode(cursor)}})
    shard.open(begin)
    _take(shard, [record for record in log.records if record.offset >= begin], expected)
    return shard


def _fresh(inbox: Partition) -> Shard:
    kind = KINDS[inbox.topic]
    shard = Shard(inbox, kind.machine(), Rows(SYSTEM_TABLES | kind.tables), verdict_ends, domain=("simulated_nouns",))
    shard.open(None)
    return shard


def _take(shard: Shard, records: Sequence[SimRecord], outputs: Outputs) -> None:
    for record in records:
        sub = shard.take([record], record.offset + 1)
        for destination, messages in sub.outputs.items():
            outputs[str(shard.inbox), destination] += [
                Output(_id(message.headers), message.key, message.value) for message in messages
            ]


def verdict_ends(why: str) -> Any:
    raise Deviation(f"the fold ended with {why}")


def _compare_rows(world: "World", inbox: Partition, shard: Shard) -> None:
    wanted = _contents(shard.rows)
    follower = Follower(Rows(dict.fromkeys(shard.rows.tables, bytes)))
    log = world.broker.logs[changelog_of(inbox)]
    follower.offset = log.first
    try:
        for record in log.records:
            follower.apply(record)
        follower.check()
    except ChangelogError as error:
        raise Deviation(f"the changelog of {inbox}: {error}") from error
    owned = world.workers[world.assignment[inbox]].owner.shards[inbox]
    replica = next(replica for replica in world.replicas if replica.inbox == inbox)
    for name, rows in (("changelog", follower.rows), ("owner", owned.shard.rows), ("replica", replica.rows)):
        found = _contents(rows)
        if found != wanted:
            raise Deviation(f"rows of {inbox} in the {name}: {_difference(wanted, found)}")
        if rows.digest != shard.rows.digest or rows.full_digest() != rows.digest:
            raise Deviation(f"digest of {inbox} in the {name}")
    if owned.store is not None:
        stored = {(table, key): data for table, key, data in owned.store.all_items()}
        if stored != wanted:
            raise Deviation(f"store of {inbox}: {_difference(wanted, stored)}")
    world.counts += Counter(
        {
            "changelog records": len(log.records),
            "truncations": log.first > 0,
            "replicas behind a truncation": replica.resets - 1,
        }
    )


def _compare_outputs(world: "World", expected: Outputs, lost: Outputs) -> None:
    found: Outputs = defaultdict(list)
    first: dict[tuple[Partition, bytes], Output] = {}
    broker = world.broker
    for destination, log in broker.logs.items():
        for record in [*(record for former in broker.former[destination] for record in former), *log.records]:
            sender = _id(record.headers)
            if not sender:
                continue
            output = Output(sender, record.key, record.value or b"")
            before = first.setdefault((destination, sender), output)
            if before is output:
                found[identity.source_of(sender), destination].append(output)
            elif before != output:
                raise Deviation(f"{sender!r} twice with other content in {destination}")
            else:
                world.counts["repetitions"] += 1
    for route in expected.keys() | found.keys():
        may_be = set(lost[route]) - set(expected[route])
        sent = [output for output in found[route] if output not in may_be]
        if expected[route] != sent:
            raise Deviation(f"outputs {route}: {_list_difference(expected[route], sent)}")


def _id(headers: Sequence[Header]) -> bytes:
    return dict(headers).get(identity.HEADER, b"")


def _contents(rows: Rows) -> dict[tuple[str, str], bytes | None]:
    return {(table, key): rows.tables[table].peek(key) for table, key in rows.keys()}  # noqa: SIM118


def _difference(wanted: dict[Any, Any], found: dict[Any, Any]) -> str:
    keys = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    return f"{len(keys)} rows differ, first {keys[0]}: {wanted.get(keys[0])!r} wanted, {found.get(keys[0])!r} found"


def _list_difference(wanted: list[Any], found: list[Any]) -> str:
    for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
        if one != other:
            return f"at {number}: {one!r} wanted, {other!r} found"
    return f"{len(wanted)} wanted, {len(found)} found"
