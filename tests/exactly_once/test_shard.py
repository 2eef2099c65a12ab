"""The shard by itself, and that the cuts of its batches change nothing."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_kafka import SimRecord
from small_shards import DEAD, INBOX, OTHER_INBOX, OUT, amounts, from_shard, records_of, shard_of

from app.exactly_once import identity
from app.exactly_once.log import Message, Partition
from app.exactly_once.shard import CURSOR, SEEN, Cursor, Shard, StopShard, checksum

WORDS = st.sampled_from(
    ["add a", "add b", "add a -3", "remove a", "fail a", "refuse b", "time 5", "time 3", "list", "nothing", "note c 9"]
)
SENDERS = st.none() | st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 2))
Outputs = dict[Partition, list[Message]]


def run(shard: Shard, records: list[SimRecord], cuts: list[int]) -> Outputs:
    outputs: Outputs = {}
    start = 0
    for end in [*sorted(set(cuts)), len(records)]:
        for destination, messages in shard.take(records[start:end], end).outputs.items():
            outputs.setdefault(destination, []).extend(messages)
        start = end
    return outputs


@settings(max_examples=150)
@given(
    inbox=st.lists(st.tuples(WORDS, SENDERS), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    crash=st.integers(0, 30),
)
def test_cuts_and_crashes_change_neither_rows_nor_outputs(inbox: list[Any], cuts: list[int], crash: int) -> None:
    records = [
        records_of(word, start=offset)[0] if sender is None else from_shard(word, offset, sender)
        for offset, (word, sender) in enumerate(inbox)
    ]
    whole = shard_of()
    wanted = run(whole, records, [])
    cut = shard_of()
    assert run(cut, records, [place for place in cuts if place <= len(records)]) == wanted
    assert (cut.rows.digest, cut.cursor) == (whole.rows.digest, whole.cursor)

    before = shard_of()
    crash = min(crash, len(records))
    first = run(before, records[:crash], [])
    after = shard_of()
    after.rows.apply({name: dict(table.warm) for name, table in before.rows.tables.items()})
    after.open(crash)
    second = after.take(records[crash:], len(records)).outputs
    for destination, messages in wanted.items():
        assert first.get(destination, []) + second.get(destination, []) == messages
    assert after.rows.digest == whole.rows.digest


def test_a_shard_that_never_took_a_record_is_at_the_beginning() -> None:
    shard = shard_of()
    assert (shard.next, shard.cursor) == (0, Cursor())


def test_the_cursor_remembers_the_last_record_whatever_became_of_it() -> None:
    shard = shard_of()
    for record in (records_of("add a", time=7)[0], records_of("fail a", start=1)[0], from_shard("add a", 2, (0, 0, 0))):
        shard.take([record], record.offset + 1)
        cursor = shard.cursor
        assert (cursor.offset, cursor.timestamp, cursor.checksum) == (record.offset, record.timestamp, checksum(record))
    shard.take([], 9)
    assert shard.cursor.offset == 2
    assert msgspec.msgpack.decode(shard.rows[CURSOR].get("") or b"", type=Cursor) == shard.cursor


def test_records_tell_from_each_other_by_key_and_value() -> None:
    one = SimRecord(0, 0, b"k", b"v", [])
    assert checksum(one) == checksum(one._replace(timestamp=5))
    assert len({checksum(found) for found in (one, one._replace(key=b"j"), one._replace(value=b"w"))}) == 3
    assert checksum(one._replace(key=None, value=None)) == 0


@pytest.mark.parametrize("header", [b"", b"short", b"x" * 18])
def test_a_record_whose_identity_is_none_stops_the_shard(header: bytes) -> None:
    shard = shard_of()
    with pytest.raises(StopShard, match="identity"):
        shard.take([SimRecord(0, 0, None, b"add a", [(identity.HEADER, header)])], 1)
    assert amounts(shard.rows) == {}


def test_an_identity_is_found_wherever_it_stands_among_the_headers() -> None:
    shard = shard_of()
    record = from_shard("add a", 0, (0, 5, 0))
    later = record._replace(offset=1, headers=[("traceparent", b"00"), *record.headers])
    shard.take([record, later], 2)
    assert amounts(shard.rows) == {"a": 1}


def test_only_what_changed_of_seen_is_written() -> None:
    shard = shard_of()
    shard.take([from_shard("nothing", 0, (0, 1, 0), INBOX), from_shard("nothing", 1, (0, 1, 0), OTHER_INBOX)], 2)
    changes = shard.take([from_shard("nothing", 2, (0, 2, 0), OTHER_INBOX)], 3).changes
    assert len(changes[SEEN]) == 1


def test_a_sub_batch_of_repetitions_is_not_urgent() -> None:
    shard = shard_of()
    record = from_shard("add a", 0, (0, 1, 0))
    assert shard.take([record], 1).urgent
    assert not shard.take([record._replace(offset=1)], 2).urgent
    assert not shard.take([], 5).urgent
    assert shard.take(records_of("nothing", start=5), 6).urgent


def test_a_stop_in_the_middle_ends_the_sub_batch_there() -> None:
    shard = shard_of()
    sub = shard.take(records_of("add a", "fail b", "stop", "add a"), 4)
    assert (sub.end, shard.next, amounts(shard.rows)) == (2, 2, {"a": 1})
    assert [len(sub.outputs[place]) for place in (OUT, DEAD)] == [1, 1]
    digest = shard.rows.digest
    with pytest.raises(StopShard):
        shard.take(records_of("stop", "add a", start=2), 4)
    assert (shard.next, shard.rows.digest, any(shard._outputs.values())) == (2, digest, False)


def test_event_numbers_count_what_happened_and_nothing_else() -> None:
    shard = shard_of()
    shard.take(records_of("add a", "fail a", "add a"), 3)
    assert shard.cursor.events == 2
    assert shard.next_event_number() == 3
