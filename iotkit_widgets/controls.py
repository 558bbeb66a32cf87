"""Ordinary ipywidgets controls for a device's attributes and functions, one at a time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import ipywidgets

from iotkit.description import Argument, Attribute, Function
from iotkit.device import Device, link_of
from iotkit.errors import IotkitError, UnknownName, did_you_mean
from iotkit.futures import failed
from iotkit.links import Change, Link
from iotkit.plain import printable
from iotkit.types import Type

from .hub import keep_subshell
from .standing import standing, watch

PERIOD = 0.05  # seconds between two values at least: more than that, these can't carry
ECHO = 0.4  # seconds after a user's touch in which the device's value waits
MAX_POSITIONS = 10_000  # of a slider; where there are more, a box is handier

_SHORT = {"silent": "no answer", "lost": "lost", "gone": "gone", "claimed": "claimed"}
_LOOKALIKES = str.maketrans(
    {"$": "\N{FULLWIDTH DOLLAR SIGN}", "\\": "\N{FULLWIDTH REVERSE SOLIDUS}"}
)


def control(device: Device, name: str) -> ipywidgets.Widget:
    """Return a control for the attribute or function `name` of `device`.

    A value that can be set is a slider, box, toggle button or list that follows the device
    until its `close()`; a value that can't is a box that nobody can type into; a function is a
    button, below a field for each argument. What the device refuses is marked with ⚠, and so is
    a device that is lost, gone or claimed by others; the reason is the tooltip. Raises UnknownName.
    """
    known = link_of(device).description
    if name in known.attributes:
        return _Bound(device, known.attributes[name]).widget
    if name in known.functions:
        return _action(device, known.functions[name])
    near = did_you_mean(name, [*known.attributes, *known.functions])
    raise UnknownName(f"{known.id} has no {name!r}{near}")


class _Bound:
    """A widget that shows an attribute's value, and sets it."""

    def __init__(self, device: Device, attribute: Attribute) -> None:
        self._link, self._attribute = link_of(device), attribute
        read_only = attribute.read_only
        self.widget = _whole(ipywidgets.Text(disabled=True)) if read_only else _field(attribute)
        self._lock = threading.Lock()
        self._device_value: Any = None
        self._touched = -ECHO
        self._wanted: list[Any] = []  # what waits to be sent: the latest, or nothing
        self._sending = False
        self._writer = 0  # the thread that is bringing the widget up to date
        self._timer: threading.Timer | None = None
        self._label = _Label(self._link, self.widget, _title(attribute), attribute.help)
        self._failing = False  # the device didn't say what it has
        if not read_only:
            self.widget.observe(self._entered, "value")
        self.widget.observe(self._closing, "comm")
        self._following = self._link.follow(attribute.name, self._heard, PERIOD)

    def _closing(self, change: Any) -> None:
        if change["new"] is None:
            self._following.close()
            if self._timer:
                self._timer.cancel()

    def _heard(self, _: str, change: Change, __: float) -> None:
        if isinstance(change, Exception):
            self._failing = True
            self._label.show(error=change)
            return
        if self._failing:
            self._failing = False
            self._label.show()
        self._device_value = change
        self._show()

    def _show(self) -> None:
        """Show the device's value, unless a user is at it; then a little later."""
        left = self._touched + ECHO - time.monotonic()
        with self._lock:
            if self._sending:
                return
            if left > 0:
                if self._timer is None or not self._timer.is_alive():
                    self._timer = threading.Timer(left + 0.01, self._show)
                    self._timer.daemon = True
                    self._timer.start()
                return
        if self._device_value is not None:
            self._write(self._device_value)

    def _write(self, value: Any) -> None:
        if self._attribute.read_only:
            value = printable(f"{value} {self._attribute.limits.unit}".strip())
        elif isinstance(self.widget, ipywidgets.Dropdown) and value not in self.widget.options:
            value = None
        self._writer = threading.get_ident()
        try:
            self.widget.value = value
        finally:
            self._writer = 0

    def _entered(self, change: Any) -> None:
        """Send what was entered: the latest wins, and one at a time is on its way."""
        if self._writer == threading.get_ident() or change["new"] is None:
            return
        with self._lock:
            self._touched = time.monotonic()
            self._wanted = [change["new"]]
            if self._sending:
                return
            self._sending = True
        self._send()

    def _send(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, []
            self._sending = bool(wanted)
        if not wanted:
            self._following.refresh()
            return
        name = self._attribute.name
        try:
            value = self._attribute.check(wanted[0])
            future = self._link.steer(lambda: self._link.set(name, value))
        except IotkitError as error:
            self._sent(error)
        else:
            future.add_done_callback(lambda future: self._sent(future.exception()))

    def _sent(self, error: BaseException | None) -> None:
        self._label.show(error=error)
        if error:
            self._touched = -ECHO  # back to the device's value at once
        self._send()


def _action(device: Device, function: Function) -> ipywidgets.Widget:
    """Return a button that calls `function`, in a box below its arguments if it has any."""
    link = link_of(device)
    fields = [_field(argument) for argument in function.args]
    for field, argument in zip(fields, function.args, strict=True):
        _label(field, _title(argument), str(argument.limits))
    button = _whole(ipywidgets.Button())
    keep_subshell(button)
    label = _Label(link, button, function.name, function.help)

    def done(future: Future[Any]) -> None:
        error = future.exception()
        label.show(
            "" if error or not function.result else f" → {printable(str(future.result()))}", error
        )
        button.disabled = link.closed

    def press(_: object) -> None:
        button.disabled = True
        try:
            values = function.check([field.value for field in fields])
            future = link.steer(lambda: link.call(function.name, values))
        except IotkitError as error:
            future = failed(error)
        future.add_done_callback(done)

    button.on_click(press)
    return _box([*fields, button]) if fields else button


def _box(children: Sequence[ipywidgets.Widget]) -> ipywidgets.VBox:
    box = ipywidgets.VBox(children)

    def close(change: Any) -> None:
        if change["new"] is None:
            for child in children:
                child.close()

    box.observe(close, "comm")
    return _whole(box)


def _field(member: Attribute | Argument) -> ipywidgets.Widget:
    """Return the widget in which a value of the member's type and limits is entered."""
    limits = member.limits
    if limits.choices:
        widget = ipywidgets.Dropdown(options=limits.choices)
    elif member.type is Type.BOOL:
        widget = ipywidgets.ToggleButton()
    elif member.type.is_number and limits.minimum is not None and limits.maximum is not None:
        widget = _bounded(member.type, limits.minimum, limits.maximum, limits.step)
    else:
        widget = _PLAIN[member.type](continuous_update=False)
    keep_subshell(widget)
    return _whole(widget)


def _bounded(type_: Type, low: float, high: float, step: float | None) -> ipywidgets.Widget:
    fine = 1 if type_ is Type.INT else 10 ** math.floor(math.log10((high - low) / 200))
    step = step or fine
    if (high - low) / step > MAX_POSITIONS:
        box = ipywidgets.BoundedIntText if type_ is Type.INT else ipywidgets.BoundedFloatText
        return box(min=low, max=high, step=step, value=low)
    slider = ipywidgets.IntSlider if type_ is Type.INT else ipywidgets.FloatSlider
    return slider(min=low, max=high, step=step, value=low)


_PLAIN: dict[Type, Callable[..., ipywidgets.Widget]] = {
    Type.INT: ipywidgets.IntText,
    Type.FLOAT: ipywidgets.FloatText,
    Type.STR: ipywidgets.Text,
    Type.ANY: ipywidgets.Text,
}


def _whole(widget: ipywidgets.Widget) -> ipywidgets.Widget:
    """Return `widget`, which closes what it is made of with it; ipywidgets leaves that open."""

    def close(change: Any) -> None:
        if change["new"] is None:
            for part in (widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    widget.observe(close, "comm")
    return widget


def _title(member: Attribute | Argument) -> str:
    return f"{member.name} ({member.limits.unit})" if member.limits.unit else member.name


class _Label:
    """What a widget is called, and how it is with that: in its description and its tooltip."""

    def __init__(self, link: Link, widget: ipywidgets.Widget, title: str, help_: str) -> None:
        self._link, self._widget, self._title, self._help = link, widget, title, help_
        self._result = ""
        self._error: BaseException | None = None
        self._unwatch = watch(link, self._paint)
        widget.observe(self._closing, "comm")
        self._paint()

    def show(self, result: str = "", error: BaseException | None = None) -> None:
        """Show what came of it last: a result, or an error in the place of the help."""
        self._result, self._error = result, error
        self._paint()

    def _paint(self) -> None:
        error = self._error
        now = standing(self._link, [error] if isinstance(error, IotkitError) else ())
        if now["is"] in _SHORT:
            _label(self._widget, f"⚠ {self._title}: {_SHORT[now['is']]}", now["why"])
        elif error:
            _label(self._widget, f"⚠ {self._title}", str(error))
        else:
            _label(self._widget, self._title + self._result, self._help)
        if self._link.closed:
            self._widget.disabled = True

    def _closing(self, change: Any) -> None:
        if change["new"] is None:
            for end in self._unwatch:
                end()


def _label(widget: ipywidgets.Widget, text: str, help_: str) -> None:
    """Label it, with other signs for those which a notebook takes for the start of a formula."""
    widget.description = text.translate(_LOOKALIKES)
    widget.tooltip = help_
    if not isinstance(widget, ipywidgets.Button | ipywidgets.ToggleButton):
        widget.style.description_width = "initial"
