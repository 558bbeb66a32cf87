"""The web API of one device, described by OpenAPI: made of the routes and the description.

What the device says is in summaries, which are plain text; tools read a description as Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..description import Argument, Attribute, Description, Function
from ..links.proof import LENGTH, NONCE
from ..links.representation import DEVINFO, DIRECTORY, EXCEPTION, FUNCTION, MEDIA_TYPE, NULL, VALUE
from ..protocol import fingerprint
from ..types import INT_MAX, INT_MIN, Limits, Type
from . import bare, claims, pairing, v1
from .gate import UNLOCKED
from .news import EVENT_STREAM

if TYPE_CHECKING:
    from .routes import Action, Member, Route

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_KEYS: Schema = {"id": _TEXT, "token": _TEXT, "teacher": _TEXT}
_OTHER: Schema = {"type": "object", "required": ["id", "token"], "properties": _KEYS}
_SENDABLE: Schema = {"type": "string", "pattern": r"^[^\n\r\x00]*$"}  # no line break
_ERROR: Schema = {
    "type": "object",
    "required": ["type", "href", "help", "value"],
    "properties": {
        "type": {"const": EXCEPTION},
        "href": _TEXT,
        "help": {"type": "string", "description": "What is wrong, in a sentence"},
        "value": {
            "type": "object",
            "required": ["name", "message"],
            "properties": {"name": _TEXT, "message": _TEXT},
        },
    },
}


def document(known: Description, routes: Iterable[Route], *, locked: bool) -> dict[str, Any]:
    """Return the description of what can be asked of the device; `locked` is with a token."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for path, member in _resources(route, known):
            operations = paths.setdefault(path, {})
            for method in route.methods(member):
                if method in route.actions:
                    operations[method.lower()] = _operation(route.actions[method], member)
                    if locked and (method, path) in UNLOCKED:
                        operations[method.lower()]["security"] = []
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": known.id, "version": fingerprint(known), "summary": known.help},
        "paths": {path: operations for path, operations in paths.items() if operations},
        "components": {
            "schemas": {"Error": _ERROR},
            "responses": {
                "Error": {
                    "description": "What is wrong",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
    }
    if locked:
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
    return made


def _resources(route: Route, known: Description) -> list[tuple[str, Member]]:
    """Return the paths that a route stands for, each with the member of that name."""
    members: dict[str, Mapping[str, Any]] = {
        "{attribute}": known.attributes,
        "{function}": known.functions,
        "{event}": known.events,
    }
    for kind, named in members.items():
        if route.path.endswith(kind):
            folder = route.path.removesuffix(kind)
            return [(f"{folder}{name}", member) for name, member in named.items()]
    return [(route.path, None)]


def _operation(action: Action, member: Member) -> dict[str, Any]:
    """Return what can be sent and what is answered, where `action` does it with `member`."""
    says = (action.__doc__ or "").partition("\n")[0]
    about = f"{member.name}: {member.help}".removesuffix(": ") if member else says
    operation: dict[str, Any] = {"summary": about}
    if member:
        operation["description"] = says
    if action in _TAKES:
        content, required = _TAKES[action](member)
        content = {kind: {"schema": schema} for kind, schema in content.items()}
        operation["requestBody"] = {"content": content, "required": required}
    content = {MEDIA_TYPE: {"schema": _GIVES[action](member) if action in _GIVES else {}}}
    if action in _STREAMS:
        content[EVENT_STREAM] = {"schema": _TEXT}
    operation["responses"] = {
        "200": {"description": says, "content": content},
        "default": {"$ref": "#/components/responses/Error"},
    }
    if action is bare.switch:
        operation["responses"]["101"] = {"description": "The serial protocol, from here on"}
        del operation["responses"]["200"]
    return operation


# What may be sent.


def _value(type_: Type, limits: Limits) -> Schema:
    """Return the schema of a value that is given to the device."""
    if limits.choices:
        return {"type": "string", "enum": list(limits.choices)}
    if type_ is Type.BOOL:
        return {"type": "boolean"}
    if type_.is_number:
        low = INT_MIN if type_ is Type.INT else None
        high = INT_MAX if type_ is Type.INT else None
        ends = {
            "minimum": low if limits.minimum is None else limits.minimum,
            "maximum": high if limits.maximum is None else limits.maximum,
        }
        number = {"type": "integer" if type_ is Type.INT else "number"}
        return number | {end: at for end, at in ends.items() if at is not None}
    whole = {"type": "integer", "minimum": INT_MIN, "maximum": INT_MAX}
    others = [whole, {"type": "number"}, {"type": "boolean"}] if type_ is Type.ANY else []
    return {"anyOf": [_SENDABLE, *others]} if others else dict(_SENDABLE)


def _given(member: Attribute | Argument) -> Schema:
    unit = {"unit": member.limits.unit} if member.limits.unit else {}
    return _value(member.type, member.limits) | unit


def _arguments(function: Function) -> Schema:
    """Return the schema of a call's arguments: the only one, or all in an array or by name."""
    given = [_given(argument) for argument in function.args]
    count = len(given)
    array: Schema = {"type": "array", "minItems": count, "maxItems": count}
    named: Schema = {
        "type": "object",
        "properties": {a.name: one for a, one in zip(function.args, given, strict=True)},
        "required": [a.name for a in function.args],
        "additionalProperties": False,
    }
    alone = given if count == 1 else [] if count else [{"type": "null"}]
    if count:
        array["prefixItems"] = given
    return {"anyOf": [*alone, array, named]}


def _as_text(function: Function) -> dict[str, Schema]:
    """Return what version 1 sends as the body: nothing, or the only argument."""
    if len(function.args) > 1:
        return {}
    nothing: Schema = {"type": "string", "maxLength": 0}
    return {"text/plain": _given(function.args[0]) if function.args else nothing}


def _in_a_value(schema: Schema) -> Schema:
    inside = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
    return {"anyOf": [schema, inside]}


def _hex(length: int) -> Schema:
    return {"type": "string", "pattern": f"^[0-9a-f]{{{2 * length}}}$"}


_CLAIM: Schema = {
    "type": "object",
    "properties": {
        "who": _TEXT,
        "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": claims.LONGEST},
        "take": {"type": "boolean", "description": "from another one, for teachers"},
    },
}

_CODE: Schema = {"type": "object", "required": ["code"], "properties": {"code": _TEXT}}
_PROOF: Schema = {
    "type": "object",
    "required": ["nonce", "proof"],
    "properties": {"nonce": _hex(NONCE), "proof": _hex(LENGTH)},
    "description": "in place of the code, where it is encrypted",
}

# By media type, and whether there has to be any.
_TAKES: dict[Action, Callable[[Any], tuple[dict[str, Schema], bool]]] = {
    v1.write: lambda a: ({MEDIA_TYPE: _in_a_value(_given(a)), "text/plain": _given(a)}, True),
    v1.call: lambda f: ({MEDIA_TYPE: _in_a_value(_arguments(f))} | _as_text(f), bool(f.args)),
    bare.write: lambda a: ({MEDIA_TYPE: _given(a)}, True),
    bare.call: lambda f: ({MEDIA_TYPE: _arguments(f)}, bool(f.args)),
    claims.claim: lambda _: ({MEDIA_TYPE: _CLAIM}, False),
    pairing.pair: lambda _: ({MEDIA_TYPE: {"anyOf": [_CODE, _PROOF]}}, True),
}


# What is answered. A device may have a value that it would not take: limits don't hold here.


def _had(type_: Type) -> Schema:
    return _value(type_, Limits()) if type_ is not Type.ANY else _TEXT


def _record(type_: str, **properties: Schema) -> Schema:
    """Return the schema of an answer of version 1."""
    all_of_them = {"type": {"const": type_}, **properties}
    return {"type": "object", "required": list(all_of_them), "properties": all_of_them}


def _representation(attribute: Attribute) -> Schema:
    return _record(f"{VALUE}{attribute.type}", href=_TEXT, help=_TEXT, value=_had(attribute.type))


def _result(function: Function) -> Schema:
    result = function.result
    if result is None:
        return _record(NULL, value={"type": "null"})
    return _record(str(result.type), name={"const": result.name}, value=_had(result.type))


def _bare(member: Attribute | Argument | None) -> Schema:
    return _had(member.type) if member else {"type": "null"}


_OBJECT: Schema = {"type": "object"}
_NAMES: Schema = {"type": "array", "items": _TEXT}

_GIVES: dict[Action, Callable[[Any], Schema]] = {
    v1.directory: lambda _: _record(DIRECTORY, href=_TEXT, help=_TEXT, value=_NAMES),
    v1.devinfo: lambda _: _record(DEVINFO, href=_TEXT, help=_TEXT, value=_OBJECT),
    v1.read: _representation,
    v1.write: _representation,
    v1.show: lambda _: _record(FUNCTION, href=_TEXT, help=_TEXT, value=_OBJECT),
    v1.call: _result,
    bare.read_all: lambda _: _OBJECT,
    bare.read: _bare,
    bare.write: _bare,
    bare.call: lambda function: _bare(function.result),
    bare.hear: lambda event: _bare(event.value),
    claims.show: lambda _: {
        "type": "object",
        "properties": {"claimed_by": {"type": ["string", "null"]}},
    },
    claims.claim: lambda _: {
        "type": "object",
        "properties": {"claim": _TEXT, "claimed_by": _TEXT, "seconds": {"type": "number"}},
    },
    claims.release: lambda _: {"type": "null"},
    pairing.pair: lambda _: {
        "type": "object",
        "required": ["id", "token"],
        "properties": _KEYS | {"proof": _TEXT, "others": {"type": "array", "items": _OTHER}},
    },
}
_STREAMS = (bare.read, bare.hear)
