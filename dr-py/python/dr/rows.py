"""The rows of one table, one after another, without a restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Optional

from ._call import LOOK, Work, _settled, answer
from ._dr import Call
from .errors import UnsupportedError
from .events import OnEvent

__all__ = ["Rows"]

#: Python's names for PostgreSQL's encodings; the others have none.
CODECS = {
    "UTF8": "utf-8",
    "BIG5": "big5",
    "EUC_CN": "gb2312",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO_8859_5": "iso8859_5",
    "ISO_8859_6": "iso8859_6",
    "ISO_8859_7": "iso8859_7",
    "ISO_8859_8": "iso8859_8",
    "JOHAB": "johab",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "LATIN1": "iso8859_1",
    "LATIN2": "iso8859_2",
    "LATIN3": "iso8859_3",
    "LATIN4": "iso8859_4",
    "LATIN5": "iso8859_9",
    "LATIN6": "iso8859_10",
    "LATIN7": "iso8859_13",
    "LATIN8": "iso8859_14",
    "LATIN9": "iso8859_15",
    "LATIN10": "iso8859_16",
    "SJIS": "shift_jis",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "UHC": "cp949",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1256": "cp1256",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
}

Row = tuple[Any, ...]


class Rows:
    """The rows of one table, as tuples of text or None, or of bytes or None.

    They come as they are read, a few at a time, whatever the size of the table. Only the end says that all
    of them were there and are those that were dumped: until then an IntegrityError may come, and what came
    before it cannot be trusted. Letting go of them stops the reading.
    """

    def __init__(
        self, request: Mapping[str, object], *, as_bytes: bool = False, on_event: Optional[OnEvent] = None
    ) -> None:
        self._work: Work[None] = Work("rows", request, lambda _: None, on_event)
        self._as_bytes = as_bytes
        self._call: Optional[Call] = None
        self._news: Optional[asyncio.Event] = None
        self._columns: Optional[tuple[str, ...]] = None
        self._encoding: Optional[str] = None
        self._is_over = False

    def __repr__(self) -> str:
        return f"<dr.Rows {'' if self._columns is None else list(self._columns)}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names. Asked before the first row, it waits until they are known."""
        call = self._started()
        while self._columns is None:
            self._look(call)
            if self._columns is None:
                if call.has_ended():
                    self._end(call)
                call.wait(LOOK)
        return self._columns

    @property
    def encoding(self) -> Optional[str]:
        """The encoding of the values, as PostgreSQL names it; None before it is known."""
        return self._encoding

    def batches(self) -> Iterator[list[Row]]:
        """The rows, as many at a time as have come."""
        call = self._started()
        try:
            while True:
                has_ended = call.has_ended()
                batch = self._take(call)
                if batch:
                    yield batch
                elif has_ended:
                    self._end(call)
                    return
                else:
                    call.wait(LOOK)
        finally:
            self.close()

    def __iter__(self) -> Iterator[Row]:
        for batch in self.batches():
            yield from batch

    async def batches_async(self) -> AsyncIterator[list[Row]]:
        """The rows, as many at a time as have come, while the event loop goes on with other things."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        if self._call is None:
            self._call = self._work.start(wake)
            call = self._call
        else:
            raise RuntimeError("the rows were begun already")
        try:
            while True:
                has_ended = call.has_ended()
                batch = self._take(call)
                if batch:
                    yield batch
                elif has_ended:
                    self._end(call)
                    return
                else:
                    await news.wait()
                    news.clear()
        finally:
            self.close()
            await _settled(call)

    async def __aiter__(self) -> AsyncIterator[Row]:
        async for batch in self.batches_async():
            for row in batch:
                yield row

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops the reading."""
        self._is_over = True
        if self._call is not None:
            self._call.stop()

    def _started(self) -> Call:
        if self._is_over:
            raise RuntimeError("the rows were gone through already, or closed: ask for them anew")
        if self._call is None:
            self._call = self._work.start()
        return self._call

    def _look(self, call: Call) -> None:
        """What is known of the columns, and what was told."""
        self._work.tell(call)
        if self._columns is None:
            known = call.columns()
            if known is not None:
                self._columns, self._encoding = tuple(known[0]), known[1]

    def _take(self, call: Call) -> Optional[list[Row]]:
        self._look(call)
        if self._encoding is None:
            return None
        codec = None if self._as_bytes else CODECS.get(self._encoding)
        if codec is None and not self._as_bytes:
            raise UnsupportedError(
                f"Python cannot read text in {self._encoding}: ask for as_bytes=True", kind="Unsupported"
            )
        return call.batch(codec)

    def _end(self, call: Call) -> None:
        self._is_over = True
        answer(call)
