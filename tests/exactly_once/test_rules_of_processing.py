"""Rules 4 to 6 of architecture.md: what a record may do to a shard, and what becomes of one that fails."""

import msgspec
import pytest
from memory_log import MemoryLog
from small_shards import DEAD, INBOX, OUT, Accounts, Balance, Ended, Process, amounts, records_of, shard_of

from app.codecs import Codec
from app.exactly_once import shard as shard_module
from app.exactly_once.log import Batch, Partition
from app.exactly_once.rows import Rows
from app.exactly_once.shard import CURSOR, SYSTEM_TABLES, Cursor, Shard, StopShard
from app.machine import NounMachine
from app.reading import noun_of
from app.registry import FileRegistry
from app.settings import Profile


def test_rule_04_of_a_record_that_fails_nothing_reaches_the_rows() -> None:
    shard = shard_of()
    sub = shard.take(records_of("add alice", "fail alice", "add alice", "fail bob"), 4)
    assert amounts(shard.rows) == {"alice": 2}
    assert set(sub.changes) == {"balances", CURSOR}
    assert sub.changes["balances"] == {"alice": b'{"amount":2}'}
    assert shard.cursor.clock == 0
    assert [message.value for message in sub.outputs[OUT]] == [b"alice 1", b"alice 2"]  # no event number was lost
    assert sub.digest == shard.rows.full_digest()
    assert shard.machine.voids == 2


def test_rule_04_scans_go_in_key_order_whatever_the_order_of_writing_and_of_restoring() -> None:
    words = ["add carol", "add alice", "add dave", "add bob", "remove dave", "list"]
    listed = [b"alice=1", b"bob=1", b"carol=1"]
    shard = shard_of()
    sub = shard.take(records_of(*words), 6)
    assert [message.value for message in sub.outputs[OUT]][-3:] == listed

    for order in (1, -1):
        restored = shard_of()
        for name in sorted(sub.changes):
            restored.rows.apply({name: dict(list(sub.changes[name].items())[::order])})
        restored.open(6)
        outputs = restored.take(records_of("list", start=6), 7).outputs
        assert [message.value for message in outputs[OUT]] == listed


def test_rule_04_the_clock_never_goes_back() -> None:
    shard = shard_of()
    shard.take(records_of("time 5", "time 3", "time 7", "time 1"), 4)
    assert shard.cursor.clock == 7
    assert shard.advance(0) == 7
    restored = shard_of()
    restored.rows.apply({CURSOR: {"": msgspec.msgpack.encode(shard.cursor)}})
    restored.open(4)
    restored.take(records_of("time 2", start=4), 5)
    assert restored.cursor.clock == 7


def test_rule_04_at_most_256_records_make_a_sub_batch() -> None:
    shard = shard_of()
    with pytest.raises(AssertionError, match="257"):
        shard.take(records_of(*["nothing"] * 257), 257)


async def test_rule_04_a_longer_batch_is_taken_in_parts() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    ends: list[int] = []
    journal = process.owner.shards[INBOX].journal
    add = journal.add
    journal.add = lambda sub, acks: (ends.append(sub.end), add(sub, acks))[1]  # type: ignore[method-assign]
    await process.take(*["add alice"] * 600)
    assert ends == [256, 512, 600]
    assert process.amounts() == {"alice": 600}


def test_rule_05_an_output_that_is_too_large_changes_no_state() -> None:
    shard = shard_of()
    sub = shard.take(records_of(f"huge alice {shard_module.OUTPUT_BYTES_MAX + 1}"), 1)
    assert amounts(shard.rows) == {}
    assert OUT not in sub.outputs
    assert [message.value for message in sub.outputs[DEAD]] == [b"0 OUTPUT_TOO_LARGE"]
    fitting = shard.take(records_of(f"huge alice {shard_module.OUTPUT_BYTES_MAX}", start=1), 2)
    assert len(fitting.outputs[OUT]) == 1


def test_rule_05_records_whose_changes_weigh_too_much_together_are_taken_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_module, "CHANGES_BYTES_MAX", 1_000)
    words = [f"note account{n} 300" for n in range(8)]
    shard, subs = shard_of(), []
    records = records_of(*words)
    while shard.next < 8:
        subs.append(shard.take(records[shard.next :], 8))
    assert [(sub.start, sub.end) for sub in subs] == [(0, 2), (2, 5), (5, 8)]
    assert all(
        sum(len(data or b"") for rows in sub.changes.values() for data in rows.values()) <= 1_000 for sub in subs
    )
    monkeypatch.undo()
    whole = shard_of()
    whole.take(records, 8)
    assert whole.rows.digest == shard.rows.digest


def test_rule_05_a_single_record_that_changes_more_than_a_changelog_record_carries_stops_the_shard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_module, "CHANGES_BYTES_MAX", 1_000)
    shard = shard_of()
    shard.take(records_of("add alice"), 1)
    with pytest.raises(StopShard, match="offset 1: its changes weigh too much"):
        shard.take(records_of("note bob 2000", "add alice", start=1), 3)
    assert (shard.next, amounts(shard.rows), shard.rows["notes"].get("bob")) == (1, {"alice": 1}, None)


def test_rule_06_a_fault_of_the_domain_makes_the_record_a_dead_letter() -> None:
    shard = shard_of()
    sub = shard.take(records_of("fail alice", "refuse bob", "add carol"), 3)
    assert [message.value for message in sub.outputs[DEAD]] == [b"0 DOMAIN_ERROR", b"1 BAD"]
    assert amounts(shard.rows) == {"carol": 1}
    assert shard.counts["dead letters"] == 2


@pytest.mark.parametrize("word", ["memory", "recursion", "interrupt", "outside"])
def test_rule_06_any_other_fault_ends_the_process(word: str) -> None:
    shard = shard_of()
    with pytest.raises(Ended, match="accounts-inbox-0 offset 1"):
        shard.take(records_of("add alice", word), 2)


async def test_rule_06_a_fault_beside_the_machine_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])

    def fail(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(log, "send", fail)
    with pytest.raises(Ended):
        await process.take("add alice")
    assert process.ended == ["a batch of accounts-inbox-0 at 0: OSError('no')"]


async def test_rule_06_a_record_that_this_version_must_not_pass_stops_the_shard_before_it() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    await process.take("add alice", "stop", "add alice")
    assert process.amounts() == {"alice": 1}
    assert process.owner.shards[INBOX].shard.next == 1
    assert process.owner.quarantined == {INBOX: "a command of a later version"}
    assert len(log.values(OUT)) == 1


def machine_of(noun: str) -> Shard:
    found = noun_of(noun)
    machine = NounMachine(found, Codec(FileRegistry()), Profile.TEST, {}, {})
    shard = Shard(Partition(found.inbox, 0), machine, Rows(SYSTEM_TABLES | found.tables), _ends)
    shard.open(None)
    return shard


def _ends(why: str) -> None:
    raise Ended(why)


def test_rule_06_bytes_that_do_not_decode_become_dead_letters_in_an_ingress_only() -> None:
    (letters,) = machine_of("order_commands").take(records_of("garbage"), 1).outputs.values()
    assert b"garbage" in letters[0].value
    for noun in ("accounts", "order_books", "positions"):
        with pytest.raises(StopShard, match="offset 0"):
            machine_of(noun).take(records_of("garbage"), 1)


def test_rule_06_a_dead_letter_holds_position_reason_and_at_most_4_kb_of_payload() -> None:
    shard = machine_of("order_commands")
    (letters,) = shard.take(records_of("x" * 10_000, start=7), 8).outputs.values()
    letter = Codec(FileRegistry()).decode(letters[0].value)
    assert (letter.topic, letter.partition, letter.offset) == (shard.inbox.topic, 0, 7)
    assert letter.payload == b"x" * 4_000
    assert letter.payload_bytes == 10_000
    assert letter.reason
    assert letter.stack.startswith("Traceback")
    assert len(letter.stack) <= 4_000


async def test_rule_06_no_sub_batch_is_lost_between_taking_and_journalling() -> None:
    log = MemoryLog()
    process = Process(log)
    await process.owner.assign([INBOX])
    shard = process.owner.shards[INBOX].shard

    class Interrupted(Accounts):
        def handle(self, record: object) -> None:
            raise SystemExit

    shard.machine = Interrupted()
    shard.machine.open(shard)
    with pytest.raises(Ended):
        await process.owner.deliver(INBOX, Batch(records_of("add alice"), 0, 1))
    assert process.ended
    assert log.data(INBOX) == []


def test_rows_are_never_changed_in_place() -> None:
    shard = shard_of()
    shard.take(records_of("add alice"), 1)
    kept = shard.rows["balances"].get("alice")
    shard.take(records_of("add alice", start=1), 2)
    assert kept == Balance(1)
    assert msgspec.msgpack.decode(shard.rows[CURSOR].get("") or b"", type=Cursor).offset == 1
