"""Races, run in every order in which the records of a few senders can arrive: one after the other, not by chance."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

import msgspec
from days import Invariants
from venues import Venue, door_of

from app.topics import partition_of

ONE_EACH = {"accounts": 1, "order_books": 1, "positions": 1, "order_commands": 1, "inquiries": 1}


class Script(Random):
    """Chance that does as it is told, then the first that can be done; and remembers what else it could have done."""

    def __init__(self, choices: Sequence[int]) -> None:
        super().__init__(0)
        self.choices = list(choices)
        self.taken: list[tuple[int, int]] = []
        """What it chose, of how many."""

    def randrange(self, count: int, *_: Any) -> int:  # type: ignore[override]
        place = len(self.taken)
        chosen = self.choices[place] if place < len(self.choices) else 0
        self.taken.append((chosen, count))
        return chosen

    def following(self) -> list[int] | None:
        """The choices of the next run; None after the last."""
        taken = list(self.taken)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        return [chosen for chosen, _ in taken[:-1]] + [taken[-1][0] + 1] if taken else None


class Race(Venue):
    """A venue in which each sender has a way of its own, and positions, on which nothing depends, come first."""

    def __init__(self, given: Iterable[Any]) -> None:
        self.seen = Invariants()
        super().__init__(Random(0), ONE_EACH, [self.seen])
        for command in given:
            self.send(command)
            self.settle()

    def send_from(self, sender: str, commands: Iterable[Any]) -> None:
        for command in commands:
            self.time += 10_000_000
            noun, key = door_of(command)
            place = noun, partition_of(key or "", self.shards[noun])
            self.queues[(sender, 0), place].append(msgspec.structs.replace(command, timestamp=self.time))

    def step(self) -> bool:
        for way, queue in self.queues.items():
            if queue and way[1][0] == "positions":
                self._take(way[1], queue.popleft())
                return True
        return super().step()


def in_every_order(given: Callable[[], Race], *senders: Iterable[Any], runs_max: int = 5_000) -> Iterator[Race]:
    """Lets the senders' commands race, from the same beginning, in one order after the other."""
    choices: list[int] | None = []
    listed = [list(commands) for commands in senders]
    for _ in range(runs_max):
        if choices is None:
            return
        race = given()
        for number, commands in enumerate(listed):
            race.send_from(f"sender {number}", commands)
        script = race.rng = Script(choices)
        race.settle()
        yield race
        choices = script.following()
