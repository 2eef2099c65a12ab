"""docker-compose.yml and Dockerfile agree with the knobs, and with each other. No Docker is needed to see that."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from app import kafka_node
from app.exactly_once.changelog import RECORD_BYTES_MAX
from app.settings import GATEWAY, NOUNS, ROLES, Profile, Settings, read

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
CARRIER, CARRIED = distribution("check-jsonschema"), "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
"""The distribution that carries the specification. It is not imported: it needs a newer click than Faust."""
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")


def knobs(service: dict[str, Any]) -> Settings:
    """The knobs of a service, where nobody sets a variable."""
    values = {name: VARIABLE.sub(r"\2", str(value)) for name, value in service["environment"].items()}
    return read(values, ROOT / "no such file")


def default_services() -> Iterator[tuple[str, Settings]]:
    yield from ((name, knobs(service)) for name, service in OURS.items() if "profiles" not in service)


def test_the_file_keeps_to_the_compose_specification() -> None:
    schema = json.loads(Path(str(CARRIER.locate_file(CARRIED))).read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(COMPOSE)] == []


def test_every_image_is_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) > len(SERVICES)
    assert [image for image in images if not PINNED.fullmatch(image)] == []
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_node.VERSION}"


@pytest.mark.parametrize("name", OURS)
def test_a_service_sets_nothing_but_knobs_with_values_that_they_can_have(name: str) -> None:
    assert knobs(OURS[name]).profile is Profile.DEMO


def test_the_services_that_always_run_have_every_role_once() -> None:
    roles = [role for _, settings in default_services() for role in settings.roles.split(",")]
    assert sorted(roles) == sorted(ROLES)


def test_services_that_scale_take_every_noun() -> None:
    scaled = [knobs(service) for service in OURS.values() if service.get("profiles") == ["scale"]]
    assert len(scaled) == 2
    assert all(settings.nouns == NOUNS and not settings.is_gateway for settings in scaled)


def test_every_worker_has_a_name_and_a_volume_of_its_own() -> None:
    settings = [knobs(service) for service in OURS.values()]
    assert len({found.instance_id for found in settings}) == len(OURS)
    assert all(found.instance_id for found in settings)
    mounts = [mount.split(":") for service in OURS.values() for mount in service["volumes"]]
    assert {folder for _, folder in mounts} == {f"/srv/{Settings().data_dir}"}
    assert len({volume for volume, _ in mounts}) == len(OURS)
    assert {volume for volume, _ in mounts} | {"kafka"} == set(COMPOSE["volumes"])


def test_workers_wait_for_services_that_say_when_they_are_healthy() -> None:
    for service in OURS.values():
        assert service["depends_on"].keys() == {"kafka", "registry"}
    assert all("healthcheck" in SERVICES[name] for name in ("kafka", "registry"))
    assert "HEALTHCHECK" in DOCKERFILE
    assert "/readyz" in DOCKERFILE


def test_workers_look_for_kafka_and_the_registry_where_they_are() -> None:
    inside = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for service in OURS.values():
        settings = knobs(service)
        assert f"INSIDE://{settings.kafka_brokers}," in inside
        host, port = re.fullmatch(r"http://(\w+):(\d+)/\S+", settings.schema_registry_url).groups()  # type: ignore[union-attr]
        assert host in SERVICES
        assert f":{port}/apis/ccompat/v7" in SERVICES[host]["healthcheck"]["test"][1]


def test_the_gateway_is_published_on_the_port_of_the_knob_and_to_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    port = Settings().web_port
    assert published == {
        "kafka": [f"127.0.0.1:{Settings().kafka_port}:9092"],
        "gateway": [f"127.0.0.1:${{WEB_PORT:-{port}}}:{port}"],
    }
    gateway = knobs(SERVICES["gateway"])
    assert (gateway.roles, gateway.web_port, gateway.web_bind) == (GATEWAY, port, "0.0.0.0")  # noqa: S104 - in a container
    assert f"EXPOSE {port}\n" in DOCKERFILE


def test_kafka_takes_the_largest_record_of_the_catalogue_and_makes_no_topic_by_itself() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert int(kafka["KAFKA_MESSAGE_MAX_BYTES"]) > RECORD_BYTES_MAX
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_our_folder_outranks_what_is_installed_in_the_image() -> None:
    assert "WORKDIR /srv\n" in DOCKERFILE
    assert "PYTHONPATH=/srv" in DOCKERFILE


def test_the_image_gets_what_it_copies() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {name for line in copied for name in line.split()}
    assert sources == let_through
    assert all((ROOT / name).exists() for name in sources)


def test_make_up_starts_it() -> None:
    assert "\nup:\n\tdocker compose up" in (ROOT / "Makefile").read_text()
