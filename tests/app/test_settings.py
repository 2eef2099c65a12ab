"""The knobs: what each may be, and that nothing else is taken for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.settings import INTERNAL, Profile, Settings, SettingsError, read

ROOT = Path(__file__).parents[2]
KNOBS = {name.upper(): name for name in Settings.__struct_fields__ if name not in INTERNAL}
NOWHERE = Path("no such file")


def test_the_example_lists_exactly_the_knobs_each_with_its_default() -> None:
    listed = dotenv_values(ROOT / ".env.example")
    assert set(listed) == set(KNOBS)
    defaults = Settings()
    assert listed == {name: str(getattr(defaults, field)) for name, field in KNOBS.items()}


def test_the_example_says_what_each_knob_means() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), f"{line} has no comment"


def test_the_example_is_taken_as_it_is() -> None:
    assert read({}, ROOT / ".env.example") == Settings()


def test_the_environment_outranks_the_file(tmp_path: Path) -> None:
    file = tmp_path / "knobs"
    file.write_text("WEB_PORT=7001\nKAFKA_PORT=7002\nINSTANCE_ID=\n")
    settings = read({"WEB_PORT": "7003", "KAFKA_PORT": ""}, file)
    assert (settings.web_port, settings.kafka_port, settings.instance_id) == (7003, 7002, "")


def test_the_supervisor_hears_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "knobs"
    file.write_text("KAFKA_PORT=7002\nDATA_DIR=elsewhere\n")
    heard = read({}, file).environment()
    assert (heard["KAFKA_PORT"], heard["DATA_DIR"], heard["KAFKA_BROKERS"]) == ("7002", "elsewhere", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("KAFKA_BROKER", "KAFKA_BROKER is no knob; did you mean KAFKA_BROKERS?"),
        ("WEB_PROT", "WEB_PROT is no knob; did you mean WEB_PORT?"),
        ("WEB_CONCURRENCY", "WEB_CONCURRENCY is no knob; .env.example lists them all"),
        ("PROFIL", "PROFIL is no knob; did you mean PROFILE?"),
        ("DATADIR", "DATADIR is no knob; did you mean DATA_DIR?"),
    ],
)
def test_a_name_that_is_meant_for_us_and_no_knob_is_refused(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read({name: "1"}, NOWHERE)
    assert str(refusal.value) == message


def test_names_of_other_programs_are_none_of_our_business() -> None:
    others = {"HOME": "/", "LANG": "C", "PATH": "", "TERM": "dumb", "LOGNAME": "me", "PYTHONPATH": "."}
    assert read(others, NOWHERE) == Settings()


@pytest.mark.parametrize("name", ["HOME", "SUPERVISED", "INSTANCE_DIR"])
def test_a_file_holds_nothing_but_knobs(name: str, tmp_path: Path) -> None:
    file = tmp_path / "knobs"
    file.write_text(f"{name}=1\n")
    with pytest.raises(SettingsError, match=f"{name} is no knob"):
        read({}, file)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PROFILE", "production", "PROFILE='production': it is one of demo, test, dev, prod"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL='loud': it is one of debug, info, warning, error"),
        ("WEB_PORT", "http", "WEB_PORT='http': it is a number from 1024 to 65535"),
        ("WEB_PORT", "65536", "WEB_PORT='65536': it is a number from 1024 to 65535"),
        ("KAFKA_PORT", "80", "KAFKA_PORT='80': it is a number from 1024 to 65535"),
        ("KAFKA_PORT", "9092.5", "KAFKA_PORT='9092.5': it is a number from 1024 to 65535"),
        ("KAFKA_BROKERS", "localhost", "KAFKA_BROKERS='localhost': it is host:port, several parted by commas"),
        ("KAFKA_BROKERS", "a:1, b:2", "KAFKA_BROKERS='a:1, b:2': it is host:port, several parted by commas"),
        ("KAFKA_BROKERS", "kafka://a:1", "KAFKA_BROKERS='kafka://a:1': it is host:port, several parted by commas"),
        (
            "SCHEMA_REGISTRY_URL",
            "registry:8081",
            "SCHEMA_REGISTRY_URL='registry:8081': it is an address that begins with http:// or https://",
        ),
        ("INSTANCE_ID", "a/b", "INSTANCE_ID='a/b': letters, digits and . _ - only, at most 64"),
        ("INSTANCE_ID", "x" * 65, f"INSTANCE_ID='{'x' * 65}': letters, digits and . _ - only, at most 64"),
    ],
)
def test_a_bad_value_is_refused_with_what_it_may_be(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read({name: value}, NOWHERE)
    assert str(refusal.value) == message


@pytest.mark.parametrize("roles", ["matching", "accounts,", "accounts, gateway"])
def test_an_unknown_role_is_refused(roles: str) -> None:
    with pytest.raises(SettingsError, match="is no role; roles are accounts, order_books"):
        read({"ROLES": roles}, NOWHERE)


def test_a_worker_for_which_no_order_waits_gives_way() -> None:
    for roles in ("feeds,market_data", "feeds"):
        assert read({"ROLES": roles, "SUPERVISED": "1"}, NOWHERE).gives_way
        assert not read({"ROLES": roles}, NOWHERE).gives_way, "a command is no worker"
    for roles in ("feeds,market_data,gateway", "feeds,accounts"):
        assert not read({"ROLES": roles, "SUPERVISED": "1"}, NOWHERE).gives_way


def test_good_values_are_taken() -> None:
    settings = read(
        {
            "PROFILE": "prod",
            "ROLES": "gateway,accounts",
            "KAFKA_BROKERS": "a:9092,b-2.example:9093",
            "SCHEMA_REGISTRY_URL": "https://registry.example/apis",
            "INSTANCE_ID": "worker-1.a_b",
        },
        NOWHERE,
    )
    assert settings.profile is Profile.PROD
    assert (settings.nouns, settings.is_gateway) == (("accounts",), True)
    assert settings.brokers == "a:9092,b-2.example:9093"


@pytest.mark.parametrize("command", ["worker", "shards"])
def test_a_command_with_a_wrong_knob_ends_with_one_line_that_says_so(command: str, tmp_path: Path) -> None:
    environment = os.environ | {"KAFKA_PROT": "1", "DATA_DIR": str(tmp_path / "data")}
    found = subprocess.run(
        [str(Path(sys.executable).with_name("faust")), "-A", "app", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 78
    assert found.stderr == "configuration: KAFKA_PROT is no knob; did you mean KAFKA_PORT?\n"
    assert found.stdout == ""
    assert not (tmp_path / "data").exists()
