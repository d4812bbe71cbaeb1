"""Clerks: processes that make the answers that take long, so that a caller who leaves stops the work at once.

A thread cannot be stopped, a process can. A clerk keeps networks and measurements between answers; one that is not
needed for a while ends. Nothing that a clerk does is a job: if it dies, the caller asks again.
"""

import asyncio
import os
import signal
import threading
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

from greentrip_server.caller import CALLER
from greentrip_server.desk import Desk
from greentrip_server.errors import BusyError, ElsewhereError, status_from_json, status_of, status_to_json
from greentrip_server.settings import Settings
from greentrip_server.worker import Inbox
from greentrip_server.workers import SPAWN

NICE = 2  # a clerk's caller waits, but short answers go first
IDLE_S = 300.0
REMEMBERED = 1000  # clients

P = ParamSpec("P")
Made = TypeVar("Made")


class Clerks:
    """The clerks of one server; every method runs on its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy: Counter[str] = Counter()  # clerks at work for each client
        self._turns = 0
        self._served: dict[str, int] = {}  # each client's last turn, oldest first
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._idle: list[_Clerk] = []
        self._all: set[_Clerk] = set()

    async def ask(self, work: Callable[Concatenate[Desk, P], Made], /, *given: P.args, **named: P.kwargs) -> Made:
        """Have a function of a module called with a clerk's desk; a caller who leaves ends the clerk and its work.

        Raises
        ------
        ElsewhereError
            With the status of what the function raised.
        BusyError
            When the clerk was killed.

        """
        async with self._turn(CALLER.get().name):
            clerk = self._idle.pop() if self._idle else _Clerk(self._settings)
            self._all.add(clerk)
            clerk.turn += 1
            done = False
            try:
                kind, made = await asyncio.to_thread(clerk.exchange, work, given, named)
                done = True
            except (EOFError, OSError) as error:
                raise BusyError("what computed the answer was ended by the system; ask again, or for less") from error
            finally:
                if done:
                    self._idle.append(clerk)
                    asyncio.get_running_loop().call_later(IDLE_S, self._retire, clerk, clerk.turn)
                else:
                    self._end(clerk)
        if kind == "failed":
            raise ElsewhereError(status_from_json(made["status"]), made["trace"])
        found: Made = made
        return found

    @asynccontextmanager
    async def _turn(self, client: str) -> AsyncIterator[None]:
        """Wait for room; next is the client with the fewest clerks at work, of those the one served longest ago."""
        if self._waiting or self._busy.total() >= self._settings.workers:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((client, mine))
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():  # its turn came as its caller left
                    self._leave(client)
                else:
                    self._waiting.remove((client, mine))
                raise
        else:
            self._enter(client)
        try:
            yield
        finally:
            self._leave(client)

    def _leave(self, client: str) -> None:
        """Give one place back and let the next one in."""
        self._busy[client] -= 1
        self._busy += Counter()  # drops those at nought
        if self._waiting:
            following = min(self._waiting, key=lambda w: (self._busy[w[0]], self._served.get(w[0], -1)))
            self._waiting.remove(following)
            self._enter(following[0])
            following[1].set_result(None)

    def _enter(self, client: str) -> None:
        self._busy[client] += 1
        self._turns += 1
        self._served.pop(client, None)  # so that the dictionary's order is that of turns
        self._served[client] = self._turns
        if len(self._served) > REMEMBERED:
            del self._served[next(iter(self._served))]

    def close(self) -> None:
        """End all clerks, whatever they do."""
        for clerk in self._all:
            clerk.process.kill()
            clerk.clear()
        self._all.clear()
        self._idle.clear()

    def _retire(self, clerk: "_Clerk", turn: int) -> None:
        """End a clerk that nothing was asked of since."""
        if clerk.turn == turn and clerk in self._idle:
            self._idle.remove(clerk)
            self._end(clerk)

    def _end(self, clerk: "_Clerk") -> None:
        self._all.discard(clerk)
        clerk.process.kill()
        asyncio.get_running_loop().run_in_executor(None, clerk.clear)


class _Clerk:
    """One process and the pipe to it."""

    def __init__(self, settings: Settings) -> None:
        self._connection, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve_desk, args=(theirs, settings), daemon=True)
        self.process.start()
        theirs.close()
        self.turn = 0  # questions so far
        self._talking = threading.Lock()

    def exchange(self, work: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> tuple[str, Any]:
        """Send a question and wait for its answer; raise EOFError or OSError when the process is gone."""
        with self._talking:
            self._connection.send((work, given, named))
            kind, made = self._connection.recv()
        return kind, made

    def clear(self) -> None:
        """Wait until a process that was killed is gone, and whoever waited for its answer, and close the pipe."""
        self.process.join()
        with self._talking:
            self._connection.close()


def serve_desk(connection: Connection, settings: Settings) -> None:
    """Answer questions from the connection until it closes; send ("done", answer) or ("failed", its status) back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its clerks
    os.nice(NICE)
    inbox, desk = Inbox(connection), Desk(settings)
    while True:
        work, given, named = inbox.next()
        try:
            answer = ("done", work(desk, *given, **named))
        except Exception as error:  # noqa: BLE001 - whatever an answer raises is told to its caller
            answer = ("failed", {"status": status_to_json(status_of(error)), "trace": traceback.format_exc()})
        connection.send(answer)
