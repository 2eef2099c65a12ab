"""The changelog: what its records look like, and by which rule anybody reads them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_log import MemoryLog
from simulated_kafka import SimRecord

from app.exactly_once.changelog import (
    ChangelogError,
    Claim,
    Data,
    Follower,
    changelog_of,
    decode,
    encode,
    follow,
    is_superseded,
    topic_of,
)
from app.exactly_once.log import Partition
from app.exactly_once.rows import Rows, row_hash

INBOX = Partition("accounts-inbox", 3)
CHANGELOG = changelog_of(INBOX)


def follower_of(*entries: Claim | Data) -> Follower:
    follower = Follower(Rows({"t": bytes}))
    for offset, entry in enumerate(entries):
        follower.apply(SimRecord(offset, 0, None, encode(entry), []))
    return follower


def data(epoch: int, start: int, end: int, **rows: bytes | None) -> Data:
    return Data(epoch, start, end, {"t": rows}, 0)


def test_the_changelog_of_a_shard_is_the_partition_of_the_same_number() -> None:
    assert CHANGELOG == Partition(topic_of("accounts-inbox"), 3) == Partition("accounts-inbox-changelog", 3)


@given(
    st.one_of(
        st.builds(Claim, st.integers(0, 1 << 40), st.text(), st.text()),
        st.builds(
            Data,
            st.integers(0, 1 << 40),
            st.integers(0, 1 << 62),
            st.integers(0, 1 << 62),
            st.dictionaries(st.text(), st.dictionaries(st.text(), st.binary() | st.none())),
            st.integers(0, (1 << 64) - 1),
        ),
    )
)
def test_what_is_written_is_read(entry: Claim | Data) -> None:
    assert decode(encode(entry)) == entry


def test_the_form_of_records_that_are_in_logs_already_stays_what_it_is() -> None:
    assert msgspec.msgpack.decode(encode(Claim(1, "o", "v"))) == ["claim", 1, "o", "v"]
    assert msgspec.msgpack.decode(encode(Data(1, 2, 3, {"t": {"k": b"b", "d": None}}, 4))) == [
        *("data", 1, 2, 3, {"t": {"k": b"b", "d": None}}, 4)
    ]


def test_rows_that_a_record_deletes_are_gone() -> None:
    follower = follower_of(Claim(1, "a", ""), data(1, 0, 1, k=b"1", j=b"2"), data(1, 1, 2, k=None))
    assert list(follower.rows.keys()) == [("t", "j")]
    assert (follower.offset, follower.row_versions) == (3, 3)
    assert follower.rows.digest == row_hash("t", "j", b"2")


def test_a_second_claim_of_one_epoch_changes_nothing() -> None:
    follower = follower_of(Claim(1, "a", ""), Claim(1, "b", ""), Claim(0, "c", ""))
    assert (follower.epoch, follower.owner) == (1, "a")


def test_a_record_of_an_epoch_that_nobody_claimed_is_no_changelog() -> None:
    with pytest.raises(ChangelogError, match="the record of epoch 3"):
        follower_of(Claim(1, "a", ""), data(1, 0, 1), data(3, 1, 2))


def test_an_empty_changelog_needs_no_digest() -> None:
    follower_of(Claim(1, "a", "")).check()


async def test_following_yields_what_counts_and_ends_where_it_was_told() -> None:
    log = MemoryLog()
    entries = [Claim(1, "a", ""), data(1, 0, 2), Claim(2, "b", ""), data(1, 2, 3), data(2, 2, 4), data(2, 4, 5)]
    for entry in entries:
        log.write(CHANGELOG, encode(entry))
    log.logs[CHANGELOG].mark()
    follower = Follower(Rows({}))
    found = [(record.offset, entry.end) async for record, entry in follow(log, CHANGELOG, follower, 5)]
    assert found == [(1, 2), (4, 4)]
    assert follower.offset == 5
    found = [(record.offset, entry.end) async for record, entry in follow(log, CHANGELOG, follower, 7)]
    assert found == [(5, 5)]
    assert follower.offset == 7


@pytest.mark.parametrize(
    ("entry", "superseded"),
    [
        (Claim(3, "other", ""), True),
        (Claim(2, "other", ""), False),
        (Claim(1, "other", ""), False),
        (Data(1, 0, 9, {}, 0), False),
    ],
)
async def test_only_a_higher_claim_supersedes(entry: Claim | Data, superseded: bool) -> None:
    log = MemoryLog()
    for earlier in (Claim(1, "a", ""), Claim(2, "b", "")):
        log.write(CHANGELOG, encode(earlier))
    follower = Follower(Rows({}))
    async for _ in follow(log, CHANGELOG, follower, 2):
        pass
    log.write(CHANGELOG, encode(entry))
    assert await is_superseded(log, CHANGELOG, follower, 3) is superseded
    assert follower.offset == 2  # looking is not reading


async def test_whose_records_somebody_deletes_has_been_superseded() -> None:
    log = MemoryLog()
    for number in range(4):
        log.write(CHANGELOG, encode(Claim(number, "a", "")))
    log.logs[CHANGELOG].delete_before(2)
    assert await is_superseded(log, CHANGELOG, Follower(Rows({})), 4)
