"""Rows as Arrow record batches, where pyarrow is installed (`pip install 'dr[arrow]'`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .rows import Row, Rows

if TYPE_CHECKING:
    import pyarrow

__all__ = ["record_batches"]


def record_batches(rows: Rows, batch_size: int) -> pyarrow.RecordBatchReader:
    """The rows as batches of at most `batch_size`, every column of strings: what COPY wrote is text, and
    casting is for who knows the types."""
    if batch_size < 1:
        raise UsageError("a batch has at least one row")
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("record batches need pyarrow: pip install 'dr[arrow]'") from error
    columns = rows.columns
    schema = pyarrow.schema([(column, pyarrow.string()) for column in columns])

    def batches() -> Iterator[Any]:
        waiting: list[Row] = []
        for batch in rows.batches():
            waiting.extend(batch)
            while len(waiting) >= batch_size:
                yield made(waiting[:batch_size])
                del waiting[:batch_size]
        if waiting:
            yield made(waiting)

    def made(chunk: list[Row]) -> Any:
        values = zip(*chunk) if columns else ()
        arrays = [pyarrow.array(column, pyarrow.string()) for column in values]
        return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)

    return pyarrow.RecordBatchReader.from_batches(schema, batches())
