"""Every knob, read once from the environment and from `.env`. A name that is not one of them is refused."""

import difflib
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

FAMILIES = ("KAFKA_", "WEB_", "SCHEMA_REGISTRY_", "INSTANCE_")
"""Prefixes that are ours alone: an unknown name among them is a typing mistake."""
LIKENESS_MIN = 0.86
NICENESS = 10
"""Of a worker that gives way: a tenth of what others get, where there is not enough for all."""


class Profile(StrEnum):
    """What the system is run for."""

    DEMO = "demo"
    TEST = "test"
    DEV = "dev"
    PROD = "prod"


NOUNS = (
    "accounts",
    "order_books",
    "positions",
    "order_commands",
    "feeds",
    "market_data",
    "inquiries",
    "inquiry_commands",
)
"""Nouns with an inbox: each is a role."""
GATEWAY = "gateway"
ROLES = (*NOUNS, GATEWAY)
INTERNAL = ("supervised", "instance_dir", "kafka_embedded")
"""No knobs: the supervisor tells them to the worker that it starts."""

Port = Annotated[int, Meta(ge=1024, le=65535)]
Servers = Annotated[str, Meta(pattern=r"^$|^[^\s:,/]+:\d+(,[^\s:,/]+:\d+)*$")]
Url = Annotated[str, Meta(pattern=r"^$|^https?://[^\s/]+")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]*$", max_length=64)]
EXPECTED = {
    Port: "it is a number from 1024 to 65535",
    Servers: "it is host:port, several parted by commas",
    Url: "it is an address that begins with http:// or https://",
    Name: "letters, digits and . _ - only, at most 64",
}


class LogLevel(StrEnum):
    """From which level on the log speaks."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SettingsError(Exception):
    """A knob has a value that it cannot have, or is none. The message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The knobs. Names in the environment are the same in capitals."""

    profile: Profile = Profile.DEMO
    """demo: seeded, with a live market; test: empty, admin API, clock by hand on request; dev; prod."""
    roles: str = ",".join(ROLES)
    """What this worker does: nouns and gateway, parted by commas."""
    web_port: Port = 6066
    web_bind: str = "127.0.0.1"
    data_dir: Path = Path(".data")
    """Everything that this machine keeps: the embedded broker's logs, the stores of the shards."""
    kafka_brokers: Servers = ""
    """host:port of brokers, parted by commas. Empty: a broker is embedded."""
    kafka_port: Port = 9092
    """Of the embedded broker."""
    schema_registry_url: Url = ""
    """Of a registry with Confluent's API. Empty: the committed ids."""
    instance_id: Name = ""
    """Name of this worker in its group, the same after a restart. Empty: the first free one of this machine."""
    log_level: LogLevel = LogLevel.INFO
    # set by the supervisor for the worker that it starts
    supervised: bool = False
    instance_dir: Path | None = None
    kafka_embedded: bool = False

    @property
    def nouns(self) -> tuple[str, ...]:
        """Nouns whose shards this worker may own."""
        return tuple(noun for noun in NOUNS if noun in self.roles.split(","))

    @property
    def is_gateway(self) -> bool:
        """Whether this worker answers to the outside."""
        return GATEWAY in self.roles.split(",")

    @property
    def gives_way(self) -> bool:
        """Whether this worker does nothing for which an order waits."""
        return self.supervised and not self.is_gateway and set(self.nouns) <= {"feeds", "market_data"}

    @property
    def brokers(self) -> str:
        """Where Kafka is."""
        return self.kafka_brokers or f"127.0.0.1:{self.kafka_port}"

    @property
    def folder(self) -> Path:
        """The folder of this worker alone."""
        return self.instance_dir or self.data_dir / "worker-0"

    def environment(self) -> dict[str, str]:
        """The knobs that the supervisor reads too, wherever they came from: it does not look into `.env`."""
        knobs = {"DATA_DIR": str(self.data_dir), "KAFKA_PORT": str(self.kafka_port), "INSTANCE_ID": self.instance_id}
        return knobs | {"KAFKA_BROKERS": self.kafka_brokers}


def read(environment: Mapping[str, str], dotenv: Path = Path(".env")) -> Settings:
    """The knobs of the environment, and those of the file where the environment is silent. Raises SettingsError."""
    known = {name.upper(): name for name in Settings.__struct_fields__}
    from_file = {name: value or "" for name, value in dotenv_values(dotenv).items()} if dotenv.exists() else {}
    for name in from_file:
        if name not in known or known[name] in INTERNAL:
            raise SettingsError(f"{dotenv}: {name} is no knob{_hint(name, known)}")
    for name in environment:
        if name not in known and _is_meant_for_us(name, known):
            raise SettingsError(f"{name} is no knob{_hint(name, known)}")
    found = from_file | {name: value for name, value in environment.items() if name in known and value != ""}
    return _checked({known[name]: value for name, value in found.items() if value != ""})


def _is_meant_for_us(name: str, known: Mapping[str, str]) -> bool:
    return name.startswith(FAMILIES) or bool(difflib.get_close_matches(name, known, 1, LIKENESS_MIN))


def _hint(name: str, known: Mapping[str, str]) -> str:
    knobs = [knob for knob in known if known[knob] not in INTERNAL]
    near = difflib.get_close_matches(name, knobs, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else "; .env.example lists them all"


def _checked(values: Mapping[str, str]) -> Settings:
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{name.upper()}={value!r}: {_expected(name) or _plainly(error)}") from error
    settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    for role in settings.roles.split(","):
        if role not in ROLES:
            raise SettingsError(f"ROLES={settings.roles!r}: {role!r} is no role; roles are {', '.join(ROLES)}")
    return settings


def _expected(name: str) -> str | None:
    kind = Settings.__annotations__[name]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"it is one of {', '.join(kind)}"
    return EXPECTED.get(kind)


def _plainly(error: msgspec.ValidationError) -> str:
    return str(error).partition(" - at ")[0]


def from_environment() -> Settings:
    """The knobs of this process."""
    return read(os.environ)


def _path(kind: type, value: object) -> Path:
    assert kind is Path or Path in getattr(kind, "__args__", ()), kind
    return Path(str(value))
