"""The figure of the system in docs/architecture.md, drawn from the catalogue: `make docs` writes it.

`python -m app.topology --check` only says whether it would write.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from app.exactly_once.changelog import topic_of
from app.settings import GATEWAY, NOUNS, Profile
from app.topics import (
    DAY_MS,
    DEAD_LETTERS,
    FOREVER,
    GATEWAY_COMMANDS,
    GATEWAY_READS,
    INBOXES,
    ROUTES,
    TOPICS,
    Topic,
    config_of,
    partitions_of,
    replication_of,
)

DOCUMENT = Path(__file__).parents[1] / "docs/architecture.md"
MARKS = {
    "topology": ("<!-- topology: written by `make docs` -->", "<!-- end of topology -->"),
    "topics": ("<!-- topics: written by `make docs` -->", "<!-- end of topics -->"),
}
NAMES_A_LINE = 2


def figure() -> str:
    """The agents, the topics between them, and what travels, in Mermaid."""
    return "\n".join(["```mermaid", "flowchart LR", *(f"    {line}" for line in _lines()), "```"])


def _lines() -> Iterator[str]:
    yield "people([browsers, REST, sockets]) <--> gateway"
    yield f"{GATEWAY}{{{{{GATEWAY}}}}}"
    yield "others([other systems])"
    for topic in TOPICS.values():
        if not topic.name.endswith(topic_of("")):
            yield f"{_node(topic.name)}[({topic.name})]"
    for topic in TOPICS.values():
        if topic.is_public_input:
            yield f"others --> {_node(topic.name)}"
    for noun, commands in GATEWAY_COMMANDS.items():
        yield _edge(GATEWAY, INBOXES[noun], [command.__name__ for command in commands])
    for noun in NOUNS:
        yield from _noun(noun)
    read = " & ".join(_node(topic_of(INBOXES[noun])) for noun in GATEWAY_READS)
    yield f"{read} -. replicas .-> {GATEWAY}"
    yield " & ".join(_node(name) for name in _public()) + " --> others"


def _noun(noun: str) -> Iterator[str]:
    """An agent with its inbox, its changelog and where its events go."""
    inbox = INBOXES[noun]
    yield f"{_node(inbox)} ==> {noun}{{{{{noun}}}}}"
    yield f"{noun} -.-> {_node(topic_of(inbox))}[({topic_of(inbox)})]"
    destinations: dict[str, list[str]] = {}
    for event, routes in ROUTES[noun].items():
        for route in routes:
            destinations.setdefault(route.topic, []).append(event.__name__)
    for topic, names in destinations.items():
        yield _edge(noun, topic, names)
    yield _edge(noun, DEAD_LETTERS, ["DeadLetter"])


def _edge(source: str, topic: str, names: list[str]) -> str:
    lines = [", ".join(names[place : place + NAMES_A_LINE]) for place in range(0, len(names), NAMES_A_LINE)]
    return f'{source} -- "{"<br>".join(lines)}" --> {_node(topic)}'


def _node(topic: str) -> str:
    return f"t_{topic.replace('-', '_')}"


def _public() -> list[str]:
    """Topics that others read: whatever is written and is neither an inbox nor a changelog."""
    written = {route.topic for routes in ROUTES.values() for found in routes.values() for route in found}
    return [name for name in TOPICS if name in written | {DEAD_LETTERS} and name not in INBOXES.values()]


def table() -> str:
    """Every topic with its numbers in production."""
    head = "| topic | key | partitions | copies, of which in sync | kept | compression | largest record | messages |"
    return "\n".join([head, "|---" * 8 + "|", *map(_row, TOPICS.values())])


def _row(topic: Topic) -> str:
    config = config_of(topic, Profile.PROD)
    copies = f"{replication_of(Profile.PROD)}, {config['min.insync.replicas']}"
    kept = "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms // DAY_MS} d"
    if topic.name.endswith(topic_of("")):
        kept = "what is live, copied forward"
    messages = ", ".join(message.__name__ for message in topic.messages)
    size = f"{topic.record_bytes_max >> 20} MB"
    count = partitions_of(topic.name, Profile.PROD)
    cells = (f"`{topic.name}`", topic.key or "-", count, copies, kept, topic.compression, size, messages or "-")
    return f"| {' | '.join(map(str, cells))} |"


def written(document: str) -> str:
    """The document with figure and table as they are now. Raises ValueError where a mark is missing."""
    for name, text in (("topology", figure()), ("topics", table())):
        begin, end = MARKS[name]
        before, after = document.index(begin) + len(begin), document.index(end)
        document = f"{document[:before]}\n{text}\n{document[after:]}"
    return document


def main(arguments: list[str]) -> int:
    """Writes the document, or with --check says whether it would."""
    old = DOCUMENT.read_text()
    new = written(old)
    if arguments == ["--check"]:
        if old != new:
            sys.stderr.write("docs/architecture.md is stale: run `make docs`\n")
        return int(old != new)
    DOCUMENT.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
