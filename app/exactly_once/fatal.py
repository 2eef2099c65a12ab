"""The end of a process that can no longer be trusted."""

import json
import os
from typing import NoReturn

EX_SOFTWARE, EX_CONFIG = 70, 78
STDERR = 2


def fatal(why: str, status: int = EX_SOFTWARE) -> NoReturn:
    """Ends the process at once, from any thread: nothing that it has in hand may still go out.

    The supervisor starts it again, unless the status says that this cannot help.
    """
    line = json.dumps({"level": "CRITICAL", "event": "fatal", "why": why}) + "\n"
    os.write(STDERR, line.encode())  # below logging, which may be what hangs
    os._exit(status)
