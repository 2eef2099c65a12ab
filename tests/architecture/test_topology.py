"""The figure in docs/architecture.md is the system as it is, and the catalogue is what the code does."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from app import topology
from app.faust_settings import modules
from app.settings import NOUNS, ROLES, Settings
from app.topics import DEAD_LETTERS, GATEWAY_COMMANDS, GATEWAY_READS, INBOXES, ROUTES, TOPICS, Route
from schemas import accounts, inquiries, market_data, order_books, positions

ROOT = Path(__file__).parents[2]
DOCUMENT = topology.DOCUMENT.read_text()
FIGURE = topology.figure()


def test_the_document_is_fresh() -> None:
    assert topology.main(["--check"]) == 0


def test_a_stale_document_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "architecture.md"
    document.write_text(DOCUMENT.replace("(order-events)", "(something-else)"))
    monkeypatch.setattr(topology, "DOCUMENT", document)
    assert topology.main(["--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert topology.main([]) == 0
    assert document.read_text() == DOCUMENT


def test_every_topic_and_every_agent_is_in_the_figure() -> None:
    assert set(re.findall(r"\[\(([\w-]+)\)\]", FIGURE)) == set(TOPICS)
    assert set(re.findall(r"\{\{(\w+)\}\}", FIGURE)) == set(ROLES)


def test_every_noun_has_one_inbox_and_every_event_that_it_sends_has_its_edge() -> None:
    for noun in NOUNS:
        assert FIGURE.count(f"==> {noun}{{{{") == 1
        for event, routes in ROUTES[noun].items():
            for route in routes:
                node = "t_" + route.topic.replace("-", "_")
                edges = re.findall(rf'^ *{noun} -- "(.*)" --> {node}$', FIGURE, re.MULTILINE)
                assert any(event.__name__ in re.split(r", |<br>", edge) for edge in edges)


def test_every_inbox_gets_every_message_that_its_machine_takes_and_no_other() -> None:
    for noun in NOUNS:
        machine = import_module(f"tables.{noun}").NOUN
        listed = set(TOPICS[INBOXES[noun]].messages)
        assert listed | {message for message in machine.commands if message.__name__ == "Tick"} == set(machine.commands)
        sent = {event for routes in ROUTES.values() for event, ways in routes.items() if _goes(ways, INBOXES[noun])}
        assert sent | set(GATEWAY_COMMANDS.get(noun, ())) <= listed


def test_every_topic_that_is_written_lists_the_messages_that_are_written_there() -> None:
    for routes in ROUTES.values():
        for event, ways in routes.items():
            for way in ways:
                assert event in TOPICS[way.topic].messages, (event, way.topic)
    assert TOPICS[DEAD_LETTERS].messages


def test_what_gateways_write_is_what_the_catalogue_says() -> None:
    inboxes = {message for noun in GATEWAY_COMMANDS for message in GATEWAY_COMMANDS[noun]}
    taken = {message for topic in INBOXES.values() for message in TOPICS[topic].messages}
    known = {
        name: found
        for module in (accounts, inquiries, market_data, order_books, positions)
        for name, found in vars(module).items()
        if isinstance(found, type) and found in taken
    }
    imported = {
        alias.name
        for path in (ROOT / "web").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("schemas.")
        for alias in node.names
    }
    assert {known[name] for name in imported & set(known)} == inboxes


def test_gateways_read_the_changelogs_that_the_catalogue_names() -> None:
    assert tuple(noun.name for noun in import_module("web.replicas").NOUNS) == GATEWAY_READS


def test_agents_never_import_agents() -> None:
    for path in (ROOT / "agents").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.startswith(("agents", "web"))]


def test_a_noun_has_its_file_in_every_folder() -> None:
    for noun in NOUNS:
        for folder in ("domain", "tables", "agents"):
            assert (ROOT / folder / f"{noun}.py").exists()
        assert list((ROOT / "schemas" / noun).glob("*.avsc"))
        assert (ROOT / "tests/domain" / f"test_{noun}.py").exists()
        assert f"agents.{noun}" in modules(Settings())


def test_modules_are_found_as_leaves_so_that_a_broken_one_cannot_hide() -> None:
    for module in modules(Settings()):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for document in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_decision_says_context_decision_and_consequences() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text()
        assert text.startswith(f"# {int(path.name[:4])}. ")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert [heading for heading in headings if heading != "Alternatives"] == ["Context", "Decision", "Consequences"]


def _goes(ways: tuple[Route, ...], topic: str) -> bool:
    return any(way.topic == topic for way in ways)
