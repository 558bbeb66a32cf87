"""Servers that iotkit's client meets in the field: version 1's, and ones that misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from web_tools import SOON


class V1Server:
    """A device served as the original serves one, errors included: status 200 and a text."""

    attributes: Mapping[str, tuple[str, str]] = {
        "speed": ("int", "How fast"),
        "ratio": ("float", "Sample float attribute"),
        "led": ("bool", "The light"),
        "str_id": ("str", "Sample str attribute"),
        "broken": ("int", "Not there any more"),
    }
    functions: Mapping[str, tuple[list[list[str]], list[list[str]]]] = {
        "stop": ([], []),
        "double": ([["n", "int"]], [["result", "int"]]),
        "say": ([["text", "str"]], [["result", "str"]]),
        "flip": ([["flag", "bool"]], [["result", "bool"]]),
        "anything": ([["x", "T"]], [["result", "T"]]),
        "fail": ([], []),
    }

    def __init__(self, port: int = 0) -> None:
        self.values: dict[str, Any] = {"speed": 80, "ratio": 0.5, "led": True, "str_id": "default"}
        self.requests: list[tuple[str, str, bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):  # HTTP/1.0, a connection for each request
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                server.requests.append((self.command, self.path, self.rfile.read(length)))
                status, kind, body = server.answer(*server.requests[-1])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        name = path[1:]
        try:
            if name == "devinfo":
                found = self.devinfo()
            elif name in self.attributes:
                found = self.attribute(method, name, body.decode())
            elif name in self.functions:
                found = self.function(method, name, body.decode())
            else:
                return 404, "text/html", b"<title>404 Not Found</title>"
        except Exception as error:
            return 200, "text/html; charset=utf-8", f"I *DIED* !{error!r}".encode()
        return 200, "application/json", json.dumps(found, indent=2).encode()

    def devinfo(self) -> dict[str, Any]:
        value = {
            "devicename": "oldhost",
            "attrs": {
                name: {"type": type_, "href": f"/{name}", "help": help_}
                for name, (type_, help_) in self.attributes.items()
            },
            "funcs": {
                name: {
                    "type": "iotoy.org/types/function",
                    "href": f"/{name}",
                    "help": f"test {name}",
                    "value": {"name": name, "spec": {"args": args, "result": result}},
                }
                for name, (args, result) in self.functions.items()
            },
        }
        return {
            "type": "iotoy.org/type/json",
            "href": "/devinfo",
            "help": "Device description",
            "value": value,
        }

    def attribute(self, method: str, name: str, text: str) -> dict[str, Any]:
        type_, help_ = self.attributes[name]
        if method == "PUT":
            self.values[name] = converted(type_, text)
        value = self.values[name]
        return {
            "value": value,
            "type": f"iotoy.org/types/{type_}",
            "help": help_,
            "href": f"/{name}",
        }

    def function(self, method: str, name: str, text: str) -> dict[str, Any]:
        assert method == "POST"
        if name == "fail":
            raise RuntimeError("the wheel fell off")
        args, result = self.functions[name]
        given = [converted(type_, text) for _, type_ in args]
        if not result:
            return {"type": "iotoy.org/types/null", "value": None}
        value = given[0] * 2 if name == "double" else given[0]
        return {"type": result[0][1], "name": result[0][0], "value": value}


def converted(type_: str, text: str) -> Any:
    """Return what the original makes of a body; every bool but `True` is false."""
    if type_ == "bool":
        return text == "True"
    return {"int": int, "float": float}.get(type_, str)(text)


Answer = bytes | Callable[[socket.socket], None]


def http_reply(
    value: Any, status: str = "200 OK", content_type: str = "application/json", more: str = ""
) -> bytes:
    """Return a whole response with `value` as JSON, or `value` itself where it is bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Scripted:
    """A server that answers `GET /x` and the like with the bytes in `answers`, right or wrong.

    It has the int `x`, the float `f`, and the functions `go` and `add a:int b:int -> sum:int`.
    An answer that is a function gets the socket; where there is none, the connection ends.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.heard: list[str] = []
        self.bodies: list[bytes] = []
        self.begun = threading.Event()  # something but the description was asked
        self.answers: dict[str, Answer] = {"GET /devinfo": http_reply({"value": _DEVINFO})}
        self.answers.update(answers or {})
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and every connection."""
        for sock in (self._listening, *self._connections):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        for thread in self._threads:
            thread.join(SOON)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while line := reader.readline():
                    wanted = " ".join(line.decode().split()[:2])
                    length = 0
                    while (header := reader.readline().strip().lower()) != b"":
                        name, _, value = header.partition(b":")
                        length = int(value) if name == b"content-length" else length
                    self.bodies.append(reader.read(length))
                    self.heard.append(wanted)
                    if wanted != "GET /devinfo":
                        self.begun.set()
                    answer = self.answers.get(wanted)
                    if answer is None:
                        return
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(answer)
            except (OSError, ValueError):
                pass  # it was closed


def hold(connection: socket.socket) -> None:
    """Answer nothing, until the other end has had enough."""
    connection.recv(1)


_DEVINFO = {
    "devicename": "scripted",
    "attrs": {
        "x": {"type": "int", "href": "/x", "help": "The x"},
        "f": {"type": "float", "href": "/f", "help": "A float"},
    },
    "funcs": {
        "go": {"help": "Go", "value": {"name": "go", "spec": {"args": [], "result": []}}},
        "add": {
            "help": "Add",
            "value": {
                "name": "add",
                "spec": {"args": [["a", "int"], ["b", "int"]], "result": [["sum", "int"]]},
            },
        },
    },
}
