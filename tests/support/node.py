"""Scripts of pages that touch no page, run by Node where there is one."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from system import ROOT

STATIC = ROOT / "web" / "static"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")
BEGIN = 'const page = require(process.argv[1]); const given = JSON.parse(require("fs").readFileSync(0));'


def node(file: str, body: str, given: Any) -> Any:
    """What the body, which knows `page` and `given`, returns."""
    script = f"{BEGIN} process.stdout.write(JSON.stringify((() => {{ {body} }})()));"
    command = ["node", "-e", script, str(STATIC / file)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
