"""The committed schemas under /registry, as Confluent's schema registry would serve them: ready to be read, only.

Serializers of other systems can name this address as their registry. What they may not do is to register anything new:
schemas are released with the code.
"""

import json
from typing import Any

from aiohttp import web

from app.main import app
from app.registry import committed
from app.topics import TOPICS
from web.numbers import whole_number

ROOT = "/registry"
SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, SCHEMA_NOT_FOUND, READ_ONLY, BAD_SCHEMA = 40401, 40402, 40403, 42205, 42201
"""Confluent's error codes."""

Subjects = dict[str, list[int]]


def subjects() -> Subjects:
    """Ids of each subject, the oldest version first: by topic and record, and by topic, where all of its messages are.

    The latest by topic alone is the first message of the catalogue: what most producers of that topic send.
    """
    ids: dict[str, list[int]] = {}
    for number, entry in sorted(committed().items()):
        ids.setdefault(entry.name, []).append(number)
    found: Subjects = {}
    for topic in TOPICS.values():
        for message in topic.messages:
            noun, _, name = message.schema_name.partition(".")
            found[f"{topic.name}-trading.{noun}.{name}"] = ids[message.schema_name]
        if topic.messages:
            found[f"{topic.name}-value"] = [
                number for message in reversed(topic.messages) for number in ids[message.schema_name]
            ]
    return found


def bare(schema: Any) -> Any:
    """The schema without what is written for people."""
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key != "doc"}
    return [bare(value) for value in schema] if isinstance(schema, list) else schema


class Facade:
    """Answers in Confluent's words."""

    def __init__(self) -> None:
        self.entries, self.subjects = committed(), subjects()

    async def list_subjects(self, _request: web.Request) -> web.Response:
        """GET /subjects."""
        return _answer(sorted(self.subjects))

    async def list_versions(self, request: web.Request) -> web.Response:
        """GET /subjects/{subject}/versions."""
        numbers = self.subjects.get(request.match_info["subject"])
        return _error(SUBJECT_NOT_FOUND, "no such subject") if numbers is None else _answer(_versions(numbers))

    async def version(self, request: web.Request) -> web.Response:
        """GET /subjects/{subject}/versions/{version}, where the version may be `latest`."""
        subject, version = request.match_info["subject"], request.match_info["version"]
        numbers = self.subjects.get(subject)
        if numbers is None:
            return _error(SUBJECT_NOT_FOUND, "no such subject")
        place = len(numbers) if version == "latest" else whole_number(version)
        if place not in _versions(numbers):
            return _error(VERSION_NOT_FOUND, "no such version")
        return _answer(self._described(subject, place))

    async def schema(self, request: web.Request) -> web.Response:
        """GET /schemas/ids/{number}."""
        number = whole_number(request.match_info["number"])
        entry = None if number is None else self.entries.get(number)
        return (
            _error(SCHEMA_NOT_FOUND, "no such schema")
            if entry is None
            else _answer({"schema": json.dumps(entry.schema)})
        )

    async def look_up(self, request: web.Request) -> web.Response:
        """POST /subjects/{subject} {schema} and POST …/versions: the id of a schema that is there."""
        subject = request.match_info["subject"]
        numbers = self.subjects.get(subject)
        if numbers is None:
            return _error(SUBJECT_NOT_FOUND, "no such subject")
        try:
            wanted = bare(json.loads((await request.json())["schema"]))
        except (ValueError, KeyError, TypeError):
            return _error(BAD_SCHEMA, "the body is no {schema: text of an Avro schema}")
        for place, number in enumerate(numbers, 1):
            if bare(self.entries[number].schema) == wanted:
                return _answer(self._described(subject, place))
        if request.path.endswith("/versions"):
            return _error(READ_ONLY, "this registry is read only: schemas are released with the code")
        return _error(SCHEMA_NOT_FOUND, "no such schema under this subject")

    async def mode(self, _request: web.Request) -> web.Response:
        """GET /mode."""
        return _answer({"mode": "READONLY"})

    async def config(self, _request: web.Request) -> web.Response:
        """GET /config."""
        return _answer({"compatibilityLevel": "BACKWARD_TRANSITIVE"})

    def _described(self, subject: str, place: int) -> dict[str, Any]:
        number = self.subjects[subject][place - 1]
        text = json.dumps(self.entries[number].schema)
        return {"subject": subject, "version": place, "id": number, "schemaType": "AVRO", "schema": text}


def _versions(numbers: list[int]) -> list[int]:
    return list(range(1, len(numbers) + 1))


def _answer(body: Any) -> web.Response:
    return web.json_response(body, content_type="application/vnd.schemaregistry.v1+json")


def _error(code: int, message: str) -> web.Response:
    return web.json_response(
        {"error_code": code, "message": message},
        status=code // 100,
        content_type="application/vnd.schemaregistry.v1+json",
    )


if not app.settings.schema_registry_url:
    facade = Facade()
    router = app.http.router
    router.add_get(f"{ROOT}/subjects", facade.list_subjects)
    router.add_get(f"{ROOT}/subjects/{{subject}}/versions", facade.list_versions)
    router.add_get(f"{ROOT}/subjects/{{subject}}/versions/{{version}}", facade.version)
    router.add_post(f"{ROOT}/subjects/{{subject}}", facade.look_up)
    router.add_post(f"{ROOT}/subjects/{{subject}}/versions", facade.look_up)
    router.add_get(f"{ROOT}/schemas/ids/{{number}}", facade.schema)
    router.add_get(f"{ROOT}/mode", facade.mode)
    router.add_get(f"{ROOT}/config", facade.config)
