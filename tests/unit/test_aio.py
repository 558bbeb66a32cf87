"""The awaitable face of a device: the same answers and errors, and nothing blocks the loop."""

from __future__ import annotations

import asyncio
import copy
import inspect
import subprocess
import sys
import threading

import pytest
from fake_devices import SOON, Probe, boarded, wired
from program import environment

import iotkit
from iotkit import host
from iotkit.device import link_of


@pytest.fixture(params=["here", "on a line"])
def device(request):
    if request.param == "here":
        with iotkit.connect(Probe()) as device:
            yield device
    else:
        with wired(Probe()) as (device, _):
            yield device


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, SOON))


def test_get_set_and_call_do_what_the_device_does(device):
    async def main():
        await device.aio.set("speed", 7)
        assert await device.aio.get("speed") == 7
        assert await device.aio.add(2, b=3) == 5
        assert await device.aio.call("echo", "a text") == "a text"
        assert await device.aio.stop() is None

    run(main())
    assert device.speed == 7


def test_a_value_knows_its_unit(device):
    assert run(device.aio.get("ratio")).unit == "V"


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (lambda aio: aio.get("sped"), iotkit.UnknownName),
        (lambda aio: aio.get("broken"), iotkit.DeviceError),
        (lambda aio: aio.set("speed", "x"), iotkit.BadType),
        (lambda aio: aio.set("speed", 300), iotkit.OutOfRange),
        (lambda aio: aio.set("distance", 3), iotkit.ReadOnly),
        (lambda aio: aio.set("stop", 3), iotkit.ReadOnly),
        (lambda aio: aio.call("speed"), iotkit.UnknownName),
        (lambda aio: aio.add(1), iotkit.BadType),
        (lambda aio: aio.fail(), iotkit.DeviceError),
    ],
)
def test_errors_are_those_of_the_device(device, wish, error):
    with pytest.raises(error):
        run(wish(device.aio))


def test_a_name_that_is_not_there_is_an_error_at_once(device):
    with pytest.raises(iotkit.UnknownName, match="did you mean 'stop'"):
        _ = device.aio.stopp


def test_functions_have_their_help_and_signature(device):
    assert device.aio.turn.__doc__ == "Turn around [ms 0..5000 ms]"
    assert str(inspect.signature(device.aio.add)) == "(a: int, b: int) -> int"
    assert inspect.iscoroutinefunction(device.aio.turn)
    assert {"get", "set", "call", "add", "stop"} <= set(dir(device.aio))
    assert "to be awaited" in repr(device.aio)


def test_it_can_be_looked_at_and_copied_without_harm(device):
    assert run(copy.copy(device.aio).get("speed")) == 80
    with pytest.raises(AttributeError):
        _ = device.aio.__wrapped__


def test_many_at_once_are_all_answered(device):
    async def main():
        return await asyncio.gather(*(device.aio.add(number, 1) for number in range(50)))

    assert run(main()) == list(range(1, 51))


def test_a_function_that_takes_long_lets_the_loop_and_others_go_on():
    class Mover(host.Device):
        position: int = 7

        def __init__(self) -> None:
            self.halt = threading.Event()

        @host.function
        def move(self) -> bool:
            """Move until stopped"""
            return self.halt.wait(SOON)

        @host.function
        def stop(self) -> None:
            """Stop at once"""
            self.halt.set()

    async def main(device):
        moving = asyncio.ensure_future(device.aio.move())
        assert await device.aio.get("position") == 7
        assert not moving.done()
        await device.aio.stop()
        assert await moving is True

    with wired(Mover()) as (device, _):
        run(main(device))


def test_what_is_cancelled_before_it_was_sent_is_never_sent():
    async def main(device, board):
        going = asyncio.ensure_future(device.aio.call("go"))
        await asyncio.to_thread(board.wait_for, "go")
        waiting = asyncio.ensure_future(device.aio.double(4))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        board.say(b"200:Success:-\r\n")
        await going
        assert await device.aio.get("x") == 1
        assert "double 4" not in board.heard

    with boarded({"go": None}) as (device, board):
        run(main(device, board))


def test_the_end_of_the_device_ends_what_is_awaited():
    async def main(device):
        going = asyncio.ensure_future(device.aio.call("go"))
        await asyncio.sleep(0)
        await asyncio.to_thread(link_of(device).close)
        with pytest.raises(iotkit.DeviceDisconnected):
            await going

    with boarded({"go": None}) as (device, _):
        run(main(device))


def test_driving_from_a_loop_counts_as_driving(device):
    run(device.aio.stop())
    run(device.aio.set("led", True))
    assert device.led is True


def test_asyncio_is_loaded_by_who_uses_it_alone():
    code = "import sys, iotkit, iotkit.watching; sys.exit('asyncio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
