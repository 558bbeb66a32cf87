"""What the bodies of requests hold: values as text, as version 1 sends them, or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..description import Attribute, Function
from ..errors import BadType, BadValue, IotkitError
from ..links.representation import MEDIA_TYPE, from_json
from ..types import Type, Value
from .messages import Request

Parsed = TypeVar("Parsed")


def value_in(request: Request, attribute: Attribute) -> Any:
    """Return the value that a PUT's body holds, unchecked; raises BadValue and BadType."""
    if MEDIA_TYPE not in request.words("content-type"):
        return _named(attribute.name, attribute.type.parse, _text_in(request))
    given = json_in(request)
    if isinstance(given, dict) and "value" in given:
        given = given["value"]  # a representation, as a GET gives it
    return single(attribute.name, given, attribute.type)


def arguments_in(request: Request, function: Function) -> tuple[Value, ...]:
    """Return the arguments that a POST's body holds, checked; raises BadValue and BadType."""
    if MEDIA_TYPE not in request.words("content-type"):
        return _named(f"{function.name}()", function.parse_args, _text_in(request))
    given = json_in(request) if request.body else []
    if isinstance(given, dict) and "value" in given and not _names(given, function):
        given = given["value"]
    return arguments(given, function)


def arguments(given: Any, function: Function) -> tuple[Value, ...]:
    """Return the arguments that a JSON value stands for, checked; raises BadValue and BadType.

    It may be the only one, or an array of all, or an object with each under its name.
    """
    if isinstance(given, dict):
        if not _names(given, function):
            raise BadType(f"the call is {function.signature}, each argument by its name")
        given = [given[a.name] for a in function.args]
    if not isinstance(given, list):
        given = [] if given is None and not function.args else [given]
    types = [*(a.type for a in function.args), *[Type.ANY] * len(given)]
    given = [single(f"{function.name}()", *one) for one in zip(given, types, strict=False)]
    return function.check(given)


def json_in(request: Request) -> Any:
    """Return what a body of JSON holds; raises BadValue."""
    try:
        return from_json(request.body or b"")
    except ValueError as error:
        raise BadValue(f"the body is not JSON ({error})") from None


def single(name: str, given: Any, type_: Type) -> Any:
    """Return `given` if it may be a value; lists and objects never are.

    JSON has one kind of number: `3.0` is a good int.
    """
    if isinstance(given, list | dict):
        raise BadType(f"{name}: it takes one value, not a list or an object")
    if type_ is Type.INT and isinstance(given, float) and given.is_integer():
        return int(given)
    return given


def _names(given: dict[str, Any], function: Function) -> bool:
    return given.keys() == {a.name for a in function.args}


def _text_in(request: Request) -> str:
    try:
        return (request.body or b"").decode()
    except UnicodeDecodeError:
        raise BadValue("the body is not UTF-8 text") from None


def _named(name: str, parse: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parse(text)
    except IotkitError as error:
        raise type(error)(f"{name}: {error}") from None
