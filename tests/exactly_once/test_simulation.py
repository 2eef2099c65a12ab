"""Deterministic simulation of the exactly-once layer: many seeds without a deviation, and every planted fault found."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import simulated_nouns
from simulated_kafka import Broker
from simulation import Client, Deviation, MachineA, World

from app.exactly_once import changelog, identity, restore
from app.exactly_once.changelog import Claim, Follower
from app.exactly_once.journal import Journal
from app.exactly_once.log import Partition
from app.exactly_once.owner import Owner
from app.exactly_once.shard import SEEN, Shard
from app.exactly_once.table import Table

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
FIRST_SEED = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
SEEDS_TO_FIND_A_FAULT_MAX = 250

pytestmark = pytest.mark.filterwarnings("ignore")  # killed processes leave coroutines behind that never end


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    gc.collect()  # here, where what killed processes leave behind is expected
    logging.disable(logging.NOTSET)


def run_some(seeds: range) -> tuple[Counter[str], list[str]]:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # killed processes leave coroutines behind that never end
    counts: Counter[str] = Counter()
    deviations = []
    for seed in seeds:
        try:
            counts += World(seed, failing=0.01).run()
        except Deviation as deviation:
            deviations.append(str(deviation))
    return counts, deviations


@pytest.mark.timeout(36_000)
def test_no_seed_deviates_from_an_undisturbed_fold() -> None:
    cores = os.cpu_count() or 1
    chunks = [range(start, min(start + 50, FIRST_SEED + SEEDS)) for start in range(FIRST_SEED, FIRST_SEED + SEEDS, 50)]
    counts: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        for chunk_counts, deviations in pool.imap_unordered(run_some, chunks):
            counts += chunk_counts
            assert not deviations, deviations
    print(f"{SEEDS} seeds:", dict(counts))  # noqa: T201 - the evidence
    for fault in (
        "kill",
        "pause",
        "rebalance",
        "lose store",
        "leave",
        "truncations",
        "repetitions",
        "superseded",
        "repeated",
    ):
        assert counts[fault] >= SEEDS // 100, f"the simulation hardly ever does: {fault}"


def expect_a_deviation(seeds: int = SEEDS_TO_FIND_A_FAULT_MAX) -> None:
    for seed in range(seeds):
        try:
            World(seed, failing=0.01).run()
        except Deviation:
            return
    pytest.fail(f"the planted fault was not found in {seeds} seeds")


def test_a_skipped_seen_check_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    is_new = Shard._is_new

    def is_new_to_workers(self: Shard, sender: bytes) -> bool:
        return getattr(self._fatal, "__name__", "") != "verdict_ends" or is_new(
            self, sender
        )  # the verdict's own fold stays right

    monkeypatch.setattr(Shard, "_is_new", is_new_to_workers)
    expect_a_deviation()


def test_seen_outside_the_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Table.put
    monkeypatch.setattr(Table, "put", lambda self, key, row: None if self.name == SEEN else put(self, key, row))
    expect_a_deviation()


def test_a_changelog_record_before_its_outputs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    add = Journal.add
    monkeypatch.setattr(Journal, "add", lambda self, sub, _acknowledgements: add(self, sub, []))
    expect_a_deviation()


def test_a_missing_epoch_check_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Follower.apply

    def apply_any(self: Follower, record: object) -> object:
        entry = changelog.decode(record.value)  # type: ignore[attr-defined]
        if not isinstance(entry, Claim) and self.next is not None and entry.start == self.next:
            self.epoch, epoch = entry.epoch, self.epoch
            applied = apply(self, record)  # type: ignore[arg-type]
            self.epoch = epoch
            return applied
        return apply(self, record)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "apply", apply_any)
    monkeypatch.setattr(Journal, "_check_between", lambda _self, _offset: asyncio.sleep(0))
    expect_a_deviation()


def test_cold_rows_that_are_taken_late_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Journal._write

    async def write_late(self: Journal, group: list) -> None:  # type: ignore[type-arg]
        rows = self._follower.rows
        for entry in group:
            for table, changed in entry.rows.items():
                for key in changed:
                    changed[key] = rows.tables[table].peek(key)
        await write(self, group)

    monkeypatch.setattr(Journal, "_write", write_late)
    expect_a_deviation()


def test_truncation_while_superseded_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "_check_between", lambda _self, _offset: asyncio.sleep(0))
    expect_a_deviation()


def test_a_restore_that_reads_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    follow = changelog.follow
    blind: list[Follower] = []

    async def follow_nothing(log, partition, follower, end):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if follower not in blind:
            blind.append(follower)
            follower.offset = max(follower.offset, end)
            return
        async for found in follow(log, partition, follower, end):
            yield found

    monkeypatch.setattr(changelog, "follow", follow_nothing)
    expect_a_deviation()


def test_a_failed_batch_with_a_later_one_accepted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def land_on(self: Client, destination: object) -> None:
        land(self, destination)  # type: ignore[arg-type]
        if self.process.is_alive:
            self.busy.discard(destination)  # type: ignore[arg-type]
            self._pump(destination)  # type: ignore[arg-type]

    land = Client._land
    monkeypatch.setattr(Client, "_must_not_fail", lambda _self, _future: None)
    monkeypatch.setattr(Client, "_land", land_on)
    monkeypatch.setattr(World, "__init__", _always_failing(World.__init__))
    expect_a_deviation()


def _always_failing(init):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    def init_failing(self: World, seed: int, **_: object) -> None:
        init(self, seed)
        self.failing = 0.02

    return init_failing


def test_a_stale_batch_after_a_seek_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = Owner.deliver

    async def deliver_any(self: Owner, partition, batch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        owned = self.shards.get(partition)
        if owned is not None and not owned.frozen and batch.end > owned.shard.next:
            records = [record for record in batch.records if record.offset >= owned.shard.next]
            batch = batch._replace(records=records, start=owned.shard.next)
        await deliver(self, partition, batch)

    monkeypatch.setattr(Owner, "deliver", deliver_any)
    expect_a_deviation()


def test_rows_in_another_order_after_a_restore_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(self: Table, prefix: str = ""):  # type: ignore[type-arg, no-untyped-def]  # noqa: ANN202
        for key in list(self.warm | dict.fromkeys(self._changed)):
            if key.startswith(prefix) and (row := self.get(key)) is not None:
                yield key, row

    monkeypatch.setattr(Table, "scan", scan)
    expect_a_deviation()


@pytest.mark.parametrize("difference", [1, -1])
def test_a_checkpoint_ahead_or_behind_is_found(monkeypatch: pytest.MonkeyPatch, difference: int) -> None:
    mark = restore.StoreMark

    def shifted(offset: int, *fields: object) -> restore.StoreMark:
        return mark(offset + difference, *fields)  # type: ignore[arg-type]

    async def is_there(_self: object, _mark: object, _first: int, _end: int) -> bool:
        return True

    monkeypatch.setattr("app.exactly_once.journal.StoreMark", shifted)
    monkeypatch.setattr(restore.Restorer, "_is_there", is_there)
    expect_a_deviation()


def test_a_reader_that_takes_any_topic_of_the_same_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    make_anew = Broker.make_anew

    def make_anew_alike(self: Broker, partition: Partition) -> None:
        topic_id = self.logs[partition].topic_id
        make_anew(self, partition)
        self.logs[partition].topic_id = topic_id

    monkeypatch.setattr(Broker, "make_anew", make_anew_alike)
    expect_a_deviation()


def test_two_shard_objects_of_one_partition_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Owner._own

    async def own_twice(self: Owner, partition):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        await asyncio.gather(own(self, partition), own(self, partition))

    monkeypatch.setattr(Owner, "_own", own_twice)
    expect_a_deviation()


def test_mixed_code_versions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    number = iter(range(1_000_000))

    class Newer(MachineA):
        def forward(self, kind: str, key: str, rest: str, count: int) -> None:
            super().forward(kind, key, rest + ":new" if self.is_new else rest, count)

        def open(self, shard: Shard) -> None:
            super().open(shard)
            self.is_new = next(number) % 2 == 1

    monkeypatch.setitem(simulated_nouns.KINDS, "a", simulated_nouns.Kind(Newer, MachineA.tables))
    expect_a_deviation()


def test_identities_sort_like_their_numbers() -> None:
    positions = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 256, 3), (0, 1 << 40, 0), (1, 0, 0), (2, 0, 0)]
    packed = [identity.pack(b"accounts-inbox", 3, *position)[identity.POSITION] for position in positions]
    assert packed == sorted(packed)
    one = identity.pack(b"accounts-inbox", 3, 1, 22, 4)
    assert identity.unpack(one) == (b"accounts-inbox", 3, 1, 22, 4)
    assert identity.source_of(one) == "accounts-inbox-3"


def test_the_simulation_itself_is_deterministic() -> None:
    runs = []
    for _ in range(2):
        world = World(4711)
        with contextlib.suppress(Deviation):
            world.run()
        runs.append([(str(partition), log.records) for partition, log in world.broker.logs.items()])
    assert runs[0] == runs[1]
    assert SimpleNamespace(count=sum(len(records) for _, records in runs[0])).count > 100
