"""Futures that have ended already."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any


def done(result: Any = None) -> Future[Any]:
    """Return a future with this result."""
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def failed(error: BaseException) -> Future[Any]:
    """Return a future that raises this error."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future
