"""What the browser says to a widget, heard while a cell runs as well."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import traitlets
from IPython.core.getipython import get_ipython

from iotkit.links import Link
from iotkit.links.halting import Halting

from .hub import keep_subshell

ANSWER_LIMIT = 5.0  # seconds for a device to say that it stopped


class Talking(anywidget.AnyWidget):
    """A widget that hears its views, by `said`, at once.

    An ordinary widget's messages wait for the running cell, in most versions of ipykernel. In
    all from 6.0, the kernel's control channel (that of interrupts) has a thread of its own:
    static/talk.js sends by it, to the widget that is called `control_id` there. That is empty in
    a kernel without such a channel, where messages come as any widget's do.
    """

    control_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        known_as = uuid.uuid4().hex
        _listeners[known_as] = self
        control_id = known_as if _listen() else ""
        super().__init__(model_id=known_as, control_id=control_id, **kwargs)
        keep_subshell(self)
        self.on_msg(lambda _, content, __: self.said(content))

    def close(self) -> None:
        """End it, here and in every browser; a second time does nothing."""
        if self.comm is not None:  # else it never began
            self.layout.close()  # which ipywidgets leaves open
        super().close()

    def elsewhere(self) -> dict[str, str]:
        """Return what is shown where there are no widgets, by its MIME type."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **self.elsewhere()}, metadata

    def answer(self, content: dict[str, Any], start: Callable[[], Future[Any]]) -> None:
        """Start what a view asked for in `content`, and tell it when that has ended."""
        reply = {"to": content["view"], "id": content["id"]}

        def done(future: Future[Any]) -> None:
            error = future.exception()
            outcome = {"error": str(error)} if error else {"result": future.result()}
            self.send(reply | outcome)

        try:
            future = start()
        except Exception as error:  # whatever it is, the view waits for a word
            self.send(reply | {"error": str(error)})
        else:
            future.add_done_callback(done)

    def halt(self, content: dict[str, Any], links: Sequence[Link]) -> None:
        """Stop the devices, as a view asks for in `content`, and tell it how that goes.

        `content["stop"]` is when a person asked, by the browser's clock in milliseconds.
        """
        threading.Thread(target=self._halt, args=(content, links), daemon=True).start()

    def _halt(self, content: dict[str, Any], links: Sequence[Link]) -> None:
        reply = {"to": content["view"], "id": content["id"]}
        halting = Halting(links, content["stop"] / 1000)
        if halting.wait_sent(ANSWER_LIMIT):
            self.send(reply | {"heard": True})
        failures = halting.failures(ANSWER_LIMIT)
        self.send(reply | ({"error": "; ".join(failures)} if failures else {"result": None}))

    def said(self, content: Any) -> None:
        """Do what a view said; called in several threads at once.

        The thread may be the one that interrupts come by: never wait for a device in it.
        """
        raise NotImplementedError


_listeners: WeakValueDictionary[str, Talking] = WeakValueDictionary()


def _listen() -> bool:
    """Hear what comes by the kernel's control channel; return whether that is possible."""
    kernel = getattr(get_ipython(), "kernel", None)
    handlers = getattr(kernel, "control_handlers", None)
    if not isinstance(handlers, dict) or getattr(kernel, "control_thread", None) is None:
        return False
    handlers.setdefault("comm_msg", _heard)
    return True


def _heard(_stream: object, _ident: object, message: dict[str, Any]) -> None:
    match message.get("content"):
        case {"comm_id": str(name), "data": {"content": content}}:
            listener = _listeners.get(name)
            if listener is not None and listener.comm is not None:
                listener.said(content)
