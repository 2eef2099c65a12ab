"""A burst of inquiries through real shards that die, in bytes; and what was promised, read off the topics alone."""

from collections import defaultdict
from random import Random
from typing import Any

import pytest
from desk_burst import TOPICS, check, commands, opening
from effort import seeds
from venues import ByteVenue


def burst(venue: ByteVenue, count: int) -> list[Any]:
    """Inquiries without a pause -> all commands."""
    asked = []
    for said in commands(venue.rng, count):
        asked += said
        for command in said:
            venue.send(command)
        venue.steps(venue.rng.choice((0, 2, 9)))
    venue.settle()
    return asked


def streams(venue: ByteVenue) -> list[list[Any]]:
    """What an outside consumer reads off each partition, repetitions dropped."""
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for (destination, _), value in venue.sent.items():
        if destination.topic in TOPICS:
            found[destination].append(venue.codec.decode(value))
    return list(found.values())


@pytest.mark.parametrize(
    ("seed", "count"), [*((seed, 700) for seed in seeds(3)), pytest.param(0, 10_000, marks=pytest.mark.slow)]
)
def test_a_burst_with_duplicates_stale_versions_and_crashes_keeps_every_promise(seed: int, count: int) -> None:
    venue = ByteVenue(Random(seed), crashes=0.004)
    for command in opening():
        venue.send(command)
    venue.settle()
    asked = burst(venue, count)
    assert venue.crashed > 5
    assert venue.lost > 0
    check(streams(venue), asked)
    _check_replay(venue)


def _check_replay(venue: ByteVenue) -> None:
    """(6) The inbox alone gives the same rows and the same bytes."""
    for shard, calm, sent in venue.folded():
        assert shard.shard.rows.digest == calm.shard.rows.digest
        for name, value in sent.items():
            assert venue.sent[name] == value
