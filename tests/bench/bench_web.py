"""Our client of version 1 of the web API beside `requests.Session` on a bare tornado handler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from compare import Row, in_turn, per_call

from iotkit.device import device_over
from iotkit.links.web import WebLink

CALLS = 300

SERVED = """
import iotkit, threading
service = iotkit.serve(iotkit.connect("sim:testhosttiny"), announce=False)
print(service.url, flush=True)
threading.Event().wait()
"""
BARE = """
import asyncio, tornado.web
class Handler(tornado.web.RequestHandler):
    def get(self):
        self.write({"type": "iotoy.org/types/float", "href": "/ratio", "help": "", "value": 0.0})
async def main():
    server = tornado.web.Application([("/ratio", Handler)]).listen(0, "127.0.0.1")
    port = next(iter(server._sockets.values())).getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@contextmanager
def _server(program: str) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def rows() -> list[Row]:
    """Measure reads of an attribute."""
    with _server(SERVED) as ours_url, _server(BARE) as bare_url:
        robot = device_over(WebLink(ours_url))
        session = requests.Session()
        ours_s, plain_s = in_turn(
            lambda: per_call(lambda: robot.ratio, CALLS),
            lambda: per_call(lambda: session.get(f"{bare_url}/ratio").json(), CALLS),
        )
        robot.close()
        session.close()
    return [Row("robot.ratio by the web API, beside requests", ours_s, plain_s, "≤ 1.15")]
