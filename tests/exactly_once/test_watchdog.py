"""The watchdog: what it takes for stuck, and that it looks twice before it acts."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.exactly_once.log import Partition
from app.exactly_once.watchdog import UNFINISHED_S_MAX, Sight, Watchdog, stuck

ONE, TWO = Partition("inbox", 0), Partition("inbox", 1)
LONG, SHORT = UNFINISHED_S_MAX + 1, UNFINISHED_S_MAX - 1


@pytest.mark.parametrize(
    ("sights", "found"),
    [
        ([], None),
        ([Sight(ONE, 5, LONG)], ONE),
        ([Sight(ONE, 5, SHORT)], None),
        ([Sight(ONE, 5, 0.0)], None),  # idle, whatever its lag
        ([Sight(ONE, 0, LONG)], None),  # nothing waits
        ([Sight(ONE, -3, LONG)], None),
        ([Sight(ONE, 1, LONG), Sight(TWO, 1, 2 * LONG)], TWO),
    ],
)
def test_stuck_is_a_shard_that_does_not_finish_a_batch_while_records_wait(
    sights: list[Sight], found: Partition | None
) -> None:
    sight = stuck(sights, broker_answers=True, is_restoring=False)
    assert (sight.partition if sight else None) == found
    assert stuck(sights, broker_answers=False, is_restoring=False) is None
    assert stuck(sights, broker_answers=True, is_restoring=True) is None


class Sitting:
    """A watchdog in front of one shard that got a batch at time 0."""

    def __init__(self) -> None:
        self.time = 0.0
        self.ended: list[str] = []
        self.ends: dict[Partition, int] | Exception = {ONE: 9}
        self.owned = SimpleNamespace(frozen=False, busy_since=0.0, shard=SimpleNamespace(next=4))
        self.owner: Any = SimpleNamespace(shards={ONE: self.owned}, restoring={})
        self.log_ends: dict[Partition, int] = {}
        fatal: Any = self.ended.append
        self.watchdog = Watchdog(self.owner, self._ends, self.log_ends, fatal, lambda: self.time)

    def _ends(self, partitions: list[Partition], timeout_s: float) -> dict[Partition, int]:
        assert partitions == [ONE]
        assert timeout_s > 0
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends

    def look(self, time: float) -> str | None:
        self.time = time
        self.watchdog.look()
        return self.watchdog.reason


def test_it_is_unready_at_the_first_look_and_ends_at_the_second() -> None:
    sitting = Sitting()
    assert sitting.look(SHORT) is None
    reason = sitting.look(LONG)
    assert reason == "inbox-0 has had a batch for 31 s and does not finish it"
    assert sitting.ended == []
    sitting.look(LONG + 2)
    assert len(sitting.ended) == 1


def test_a_process_that_slept_is_given_time_to_wake() -> None:
    sitting = Sitting()
    assert sitting.look(1_000.0) is not None  # SIGSTOP: time has passed, and nothing else
    sitting.owned.busy_since = None
    assert sitting.look(1_002.0) is None
    sitting.owned.busy_since = 1_002.0
    assert sitting.look(1_004.0) is None
    assert sitting.ended == []


def test_it_does_nothing_while_kafka_does_not_answer_and_begins_to_count_anew() -> None:
    sitting = Sitting()
    assert sitting.look(LONG) is not None
    sitting.ends = TimeoutError()
    assert sitting.look(LONG + 2) is None
    sitting.ends = {ONE: 9}
    assert sitting.look(LONG + 4) is not None
    assert sitting.ended == []


def test_it_does_nothing_during_a_restore_or_for_a_frozen_shard() -> None:
    sitting = Sitting()
    sitting.owner.restoring = {TWO: 1}
    assert sitting.look(LONG) is None
    sitting.owner.restoring = {}
    sitting.owned.frozen = True
    assert sitting.look(LONG + 2) is None
    assert sitting.ended == []


def test_it_remembers_where_the_inboxes_end_for_those_who_show_the_lag() -> None:
    sitting = Sitting()
    sitting.look(1.0)
    assert sitting.log_ends == {ONE: 9}


def test_without_shards_it_asks_nobody() -> None:
    sitting = Sitting()
    sitting.owner.shards = {}
    sitting.ends = AssertionError("asked")
    assert sitting.look(LONG) is None
