"""A worker's place in its group: what aiokafka notices about it, and would tell nobody, ends the process.

aiokafka hands the errors of its background tasks to whoever polls through its own methods. Faust polls below them: the
tasks end, or wait for ever, and the worker looks alive, takes nothing and never comes back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiokafka.errors import NoError, UnknownMemberIdError
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from app.exactly_once.fatal import EX_CONFIG

SILENT_SESSIONS_MAX = 5
FENCED_INSTANCE_ID = 82
"""Kafka's number for an error that aiokafka does not know."""


class Membership:
    """Listens to what the coordinator of the group answers.

    A member that was heard within its session cannot have been expelled. If it is unknown all the same, then another
    process has joined under the same instance id: the two would throw each other out for ever, so this one ends.
    """

    def __init__(
        self, consumer: Any, instance_id: str | None, session_s: float, fatal: Callable[..., NoReturn]
    ) -> None:
        self._consumer, self._coordinator = consumer, consumer._coordinator
        self._instance_id, self._session_s, self._fatal = instance_id, session_s, fatal
        self._recognised_at = float("-inf")
        self._heard_at = time.monotonic()
        self._send = self._coordinator._send_req
        self._coordinator._send_req = self._send_and_look
        self._coordinator._push_error_to_user = self._fail
        self._coordinator._coordination_task.add_done_callback(self._ended)
        consumer._fetcher.error_future.add_done_callback(self._ended)

    async def _send_and_look(self, request: Any) -> Any:
        sent_at = time.time()
        response = await self._send(request)
        self._heard_at = time.monotonic()
        if isinstance(request, HeartbeatRequest | JoinGroupRequest | SyncGroupRequest):
            self.look(response.error_code, sent_at)
        return response

    async def watch(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Ends the process if the coordinator has not been heard for long, though Kafka answers a new client.

        A client whose refresh of metadata is stuck waits for ever, and for everything: it never asks again.
        """
        while not self._is_closing:
            await asyncio.sleep(self._session_s)
            silent_s = time.monotonic() - self._heard_at
            if silent_s > SILENT_SESSIONS_MAX * self._session_s and await answers() and not self._is_closing:
                self._fatal(f"nothing heard from the group's coordinator for {silent_s:.0f} s, though Kafka answers")

    def look(self, error_code: int, sent_at: float) -> None:
        """Judges one answer of the coordinator."""
        if error_code == NoError.errno:
            self._recognised_at = sent_at
        elif (
            error_code in (UnknownMemberIdError.errno, FENCED_INSTANCE_ID)
            and self._instance_id
            and time.time() - self._recognised_at < self._session_s
        ):
            self._fatal(
                f"another process has joined the group as {self._instance_id}: of all workers that run, each needs an "
                "INSTANCE_ID of its own; this one ends",
                EX_CONFIG,
            )

    async def _fail(self, error: BaseException) -> None:
        """The coordination stops here and waits for somebody to consume the error."""
        if not self._is_closing:
            self._fatal(f"the group's coordinator: {error!r}")

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        error = None if task.cancelled() or self._is_closing else task.exception()
        if error is None:
            return
        if isinstance(error.__cause__, AssertionError) and self._instance_id:
            # A static member that returns gets the partitions that it had, even if it reads other topics now: Faust and
            # aiokafka assert that it does not. The group forgets when the session is over, so let it be over.
            time.sleep(self._session_s + 1)
        self._fatal(f"a task of the consumer ended: {error!r}")

    @property
    def _is_closing(self) -> bool:
        return bool(self._consumer._closed or self._coordinator._closing.done())
