"""Verbs as functions and as coroutines, each written once.

A method that is marked `@verb` says what is to be done and returns a `Work`. Called, it does it and returns
the result; its `.awaited` is the same as a coroutine function. Ctrl-C, a callback that raises and a task
that is cancelled all stop the work, wait until it has cleaned up, and go on their way.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Callable, Generic, Optional, TypeVar, Union

from . import _dr
from .errors import Error, of_json
from .events import Event, OnEvent

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")
S = TypeVar("S")

#: Seconds between two looks for a signal: Python runs its handlers between two calls only.
LOOK = 0.1


class Work(Generic[T]):
    """What is to be done: a verb, its words, and what the answer becomes. Prints none of it."""

    def __init__(
        self,
        verb: str,
        request: Mapping[str, object],
        result: Callable[[Any], T],
        on_event: Optional[OnEvent] = None,
    ) -> None:
        self._verb = verb
        self._request = request
        self._result = result
        self._on_event = on_event

    def __repr__(self) -> str:
        return f"<dr work: {self._verb}>"

    @property
    def words(self) -> Mapping[str, object]:
        """What it is asked with, for a verb that asks for more."""
        return self._request

    def start(self, wake: Optional[Callable[[], object]] = None) -> _dr.Call:
        """Begins."""
        call = _dr.start(self._verb, self._request, wake)
        self._request = {}
        return call

    def tell(self, call: _dr.Call) -> None:
        """Passes on what was told since."""
        told = call.events()
        if told is not None and self._on_event is not None:
            for event in json.loads(told):
                self._on_event(Event.of_json(event))

    def run(self) -> T:
        """Does it, and waits for its end."""
        call = self.start()
        try:
            while not call.has_ended():
                call.wait(LOOK)
                self.tell(call)
            self.tell(call)
        except BaseException:
            call.stop()
            while not call.has_ended():
                call.wait(LOOK)
            raise
        return self._result(answer(call))

    async def run_async(self) -> T:
        """Does it, while the event loop goes on with other things."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            # From a thread of the runtime; the loop may be closed when the last news comes.
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        call = self.start(wake)
        try:
            while not call.has_ended():
                await news.wait()
                news.clear()
                self.tell(call)
            self.tell(call)
        except BaseException:
            call.stop()
            await _settled(call)
            raise
        return self._result(answer(call))


async def _settled(call: _dr.Call) -> None:
    """Waits until stopped work has cleaned up, whoever else cancels meanwhile."""
    cancelled = False
    while not call.has_ended():
        try:
            await asyncio.sleep(LOOK / 4)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def answer(call: _dr.Call) -> Any:
    """The result of a call that has ended, or its error."""
    ended = call.ended()
    assert ended is not None, "asked once, after the end"
    return outcome(ended)


def outcome(ended: tuple[bool, str]) -> Any:
    """A native answer as a value; an error is raised."""
    well, text = ended
    value = json.loads(text)
    if not well:
        raise of_json(value)
    return value


def _made(
    method: Callable[..., Work[T]], self: object, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Union[Work[T], Error]:
    """The work, or why it cannot be meant. Arguments may hold a password, which a traceback with local
    variables would show: no error leaves a frame that has them."""
    try:
        return method(self, *args, **kwargs)
    except Error as error:
        return error.with_traceback(None)


def _or_raised(made: Union[Work[T], Error]) -> Work[T]:
    if isinstance(made, Error):
        raise made
    return made


def blocking(method: Callable[Concatenate[S, P], Work[T]]) -> Callable[Concatenate[S, P], T]:
    """The method as one that does its work."""

    @functools.wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        made = _made(method, self, args, kwargs)
        del args, kwargs
        return _or_raised(made).run()

    return call


def coroutine(method: Callable[Concatenate[S, P], Work[T]]) -> Callable[Concatenate[S, P], Awaitable[T]]:
    """The method as one that returns a coroutine which does its work."""

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        made = _made(method, self, args, kwargs)
        del args, kwargs
        return await _or_raised(made).run_async()

    return call
