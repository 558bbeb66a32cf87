"""Boards that misbehave: each fault becomes an error in words or a usable value, never a hang."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
import tracemalloc

import pytest
from fake_devices import SOON, Board, boarded

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.links import greeting
from iotkit.links.serial import SerialLink
from iotkit.protocol import RATES
from iotkit.protocol.frames import TAGS, frame
from iotkit.transports import Transport, memory
from iotkit.transports.memory import pair

SHORT = 0.1  # seconds to wait for an answer that will not come
BANNER = b"200:DEV READY:board\r\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let a short time-out be noticed in a shorter time."""
    monkeypatch.setattr(memory, "TICK", 0.01)


def late(seconds, answer=None):
    """Answer as usual, or with `answer`, but so much later."""

    def answer_late(board, command=None):
        time.sleep(seconds)
        board.say(answer or board.usual(command))

    return answer_late


def once(first):
    """Answer with `first` the first time, and as usual after that."""
    left = [first]

    def answer(board):
        board.say(left.pop() if left else board.usual(board.heard[-1]))

    return answer


def fault(error, work):
    """Return what the error says; it must come, and come soon."""
    began = time.monotonic()
    with pytest.raises(error) as caught:
        work()
    assert time.monotonic() - began < SOON
    assert isinstance(caught.value, iotkit.IotkitError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# No answer


def test_a_read_without_an_answer_is_asked_again_twice_and_ends_in_a_timeout():
    with boarded({"get x": None}, timeout=SHORT) as (robot, board):
        assert fault(TimeoutError, lambda: robot.x) == "board did not answer 'get x' within 0.1 s"
        assert board.heard == ["get x"] * 3
        assert robot.y == 2


def test_a_write_without_an_answer_is_sent_again_twice_and_ends_in_a_timeout():
    with boarded({"set x 5": None}, timeout=SHORT) as (robot, board):
        assert "'set x 5'" in fault(TimeoutError, lambda: setattr(robot, "x", 5))
        assert board.heard == ["set x 5"] * 3
        assert robot.y == 2


def test_a_lost_answer_to_a_read_is_not_noticed():
    with boarded({"get x": once(b"")}, timeout=SHORT) as (robot, board):
        assert robot.x == 1
        assert board.heard == ["get x"] * 2


def test_an_action_without_an_answer_is_sent_exactly_once_and_says_that_it_may_have_run():
    with boarded({"go": None}, call_timeout=SHORT) as (robot, board):
        said = fault(iotkit.DeviceTimeout, robot.go)
        assert said.startswith("board did not answer 'go' within 0.1 s; the call may have run")
        assert robot.x == 1
        assert board.heard.count("go") == 1


class Slow(host.Device):
    """Answers no call before it may."""

    def __init__(self):
        self._may = threading.Event()

    @host.function
    def hurry(self) -> None:
        """Be quick [within 0.1 s]"""
        self._may.wait(SOON)

    @host.function
    def dawdle(self) -> None:
        self._may.wait(SOON)

    @host.function
    def wait(self, timeout: float) -> float:
        return timeout


def test_a_function_has_the_time_that_it_asks_for_or_is_given():
    slow = Slow()
    here, there = pair("slow")
    board = threading.Thread(target=host.run, args=(slow, there))
    board.start()
    with device_over(SerialLink(here)) as robot:
        assert "within 0.1 s" in fault(iotkit.DeviceTimeout, robot.hurry)
        assert "within 0.2 s" in fault(iotkit.DeviceTimeout, lambda: robot.hurry(timeout=0.2))
        assert "within 0.05 s" in fault(iotkit.DeviceTimeout, lambda: robot.dawdle(timeout=0.05))
        slow._may.set()
        assert robot.wait(timeout=0.5) == 0.5  # its own
    board.join(SOON)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_time_out_that_can_not_be_is_refused(timeout):
    with boarded() as (robot, board):
        board.heard.clear()
        assert "more than 0" in fault(ValueError, lambda: robot.go(timeout=timeout))
        assert "number of seconds" in fault(TypeError, lambda: robot.go(timeout="soon"))
        assert board.heard == []


def test_a_line_that_takes_its_time_is_given_it():
    said = late(3 * SHORT, b"200:Found:7\r\n")
    with boarded({"get x": said}, timeout=SHORT) as (robot, board):
        link_of(robot)._line._transport.byte_time = 1.0  # seconds
        assert robot.x == 7
        assert board.heard == ["get x"]


def test_a_dead_device_is_found_out_within_eight_seconds():
    hello = greeting.HELLO_TIMEOUT * greeting.HELLO_TRIES
    at_each_rate = greeting.RATE_TIMEOUT * greeting.RATE_TRIES * greeting.RATE_ROUNDS
    started = greeting.BOOT_TIME + greeting.BANNER_TIME
    assert started + max(hello, at_each_rate * len(RATES)) + 2 * memory.TICK < 8


def test_a_dead_port_that_boards_are_on_is_given_up_within_eight_seconds():
    here, _ = pair("dead")
    here.resets = True
    began = time.monotonic()
    fault(iotkit.DeviceTimeout, lambda: SerialLink(here))
    assert time.monotonic() - began < 8


def test_a_port_on_which_nobody_speaks_is_a_timeout(monkeypatch):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.05)
    here, there = pair("quiet")
    with there:
        assert "quiet does not answer as a device" in fault(TimeoutError, lambda: SerialLink(here))
        assert b"devinfo" not in there.read()


# A late answer


def test_a_late_reply_is_never_given_to_the_next_call():
    with boarded({"double 1": late(3 * SHORT, b"200:Success:2\r\n")}, call_timeout=SHORT) as (
        robot,
        board,
    ):
        fault(iotkit.DeviceTimeout, lambda: robot.double(1))
        assert [robot.double(n) for n in (2, 3, 4)] == [4, 6, 8]
        assert board.heard == [f"double {n}" for n in (1, 2, 3, 4)]


def test_a_late_reply_to_a_read_is_never_taken_for_another_value():
    answer = late(2.5 * SHORT, b"200:Found:111\r\n")
    with boarded({"get x": answer}, timeout=SHORT) as (robot, _):
        with contextlib.suppress(iotkit.DeviceTimeout):
            assert robot.x == 111
        assert [robot.y, robot.f, robot.b, robot.s] == [2, 0.5, True, "text"]


def test_a_call_that_can_not_be_sent_says_so_and_is_not_sent_later():
    released = threading.Event()

    def stuck(board):
        released.wait(SOON)
        board.say(b"200:Success:-\r\n")

    with boarded({"go": stuck}, timeout=SHORT, call_timeout=SHORT) as (robot, board):
        fault(iotkit.DeviceTimeout, robot.go)
        said = fault(iotkit.DeviceTimeout, lambda: robot.double(1))
        assert said == "board is busy, or not there: 'double 1' was not sent"
        released.set()
        assert robot.double(2) == 4
        assert "double 1" not in board.heard


# Nonsense

NONSENSE = {
    "x": ["abc", "1_000", "٣", "2147483648", "-99999999999", "", "1.0", "nan", "0x1", "1 2", "-"],
    "f": ["?", "nan", "NaN", "inf", "-INF", "abc", "", "1e999", "1,5", "\u0663.0"],
    "b": ["yes", "", "2", "TRUE", "-"],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_value_that_is_none_is_an_error_that_names_the_attribute(name):
    with boarded() as (robot, board):
        for text in NONSENSE[name]:
            board.values[name] = text
            said = fault(iotkit.ProtocolError, lambda: getattr(robot, name))
            assert said.startswith(f"board gave nonsense for {name}: ")
        assert robot.y == 2
        assert board.heard.count(f"get {name}") == len(NONSENSE[name])


def test_a_result_that_is_none_is_an_error_that_names_the_function():
    with boarded({"double 1": b"200:Success:two\r\n"}) as (robot, _):
        said = fault(iotkit.ProtocolError, lambda: robot.double(1))
        assert said == "board gave nonsense for the result of double(): 'two' is not a whole number"


def test_not_a_number_never_gets_into_json():
    with boarded() as (robot, board):
        for text in ("nan", "inf", "-inf", "1e400"):
            board.values["f"] = text
            fault(iotkit.ProtocolError, lambda: json.dumps(robot.f))


def test_a_number_that_wrapped_at_16_bits_is_a_value():
    with boarded() as (robot, board):
        board.values["x"] = "-25536"
        assert robot.x == -25536


@pytest.mark.parametrize(
    "line", [b"gibberish", b"2005", b"200:OK", b":::", b"99:x:y", b"\xff\xfe\x00", b"get x"]
)
def test_garbage_in_place_of_an_answer_is_quoted_in_the_error(line):
    with boarded({"get x": line + b"\r\n"}, timeout=SHORT / 3) as (robot, _):
        said = fault(iotkit.ProtocolError, lambda: robot.x)
        assert said.startswith("board answered 'get x' with ")
        assert said.endswith(", which is no reply")
        link_of(robot)._timeout = SOON
        assert robot.y == 2


@pytest.mark.parametrize(
    "around",
    [
        b"debug: x is %s\r\n200:Found:7\r\n",
        b"100:working:on it\r\n103:y:9\r\n200:Found:7\r\n",
        b"\r\n\r\n\n200:Found:7\r\n\r\n",
        b"200:Found:7\r\n200:Found:8\r\n200:OK:pong\r\n",
        b"\x00\xff\xfe\n200:Found:7\n",
    ],
)
def test_lines_around_an_answer_do_no_harm(around):
    with boarded({"get x": around}) as (robot, _):
        assert [robot.x, robot.y, robot.x, robot.f] == [7, 2, 7, 0.5]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"404:Attribute Not Found:-\r\n", 404),
        (b"500:Bad Value:-\r\n", 500),
        (b"400:Fail:set attribute must be given a value\r\n", 400),
        (b"301::\r\n", 301),
    ],
)
def test_an_error_of_the_board_has_its_status_and_words(answer, status):
    with boarded({"get x": answer, "go": answer, "set x 1": answer}) as (robot, _):
        for use in (lambda: robot.x, robot.go, lambda: setattr(robot, "x", 1)):
            with pytest.raises(iotkit.DeviceError, match=rf"^board refused .*\({status}\)$") as e:
                use()
            assert e.value.status == status


def test_a_wrong_message_text_is_still_an_answer():
    with boarded({"get x": b"200:Oh yes:5\r\n", "go": b"299::\r\n"}) as (robot, _):
        assert robot.x == 5
        assert robot.go() is None


def test_a_line_without_end_takes_bounded_memory_and_one_warning(caplog):
    with boarded() as (robot, board):
        tracemalloc.start()
        try:
            for _ in range(250):
                board.say(b"x" * 4000)
            board.say(b"\n")
            assert robot.x == 1
            current, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000  # of which one is what the test itself has sent
        assert current < 500_000
        assert len(caplog.records) == 1


# Restarts


def test_a_restart_in_a_call_is_told_and_the_call_is_not_sent_again():
    with boarded({"go": BANNER}) as (robot, board):
        said = fault(iotkit.DeviceReset, robot.go)
        assert said.startswith("board restarted before it answered 'go'; the call may have run")
        assert robot.x == 1
        assert board.heard.count("go") == 1


@pytest.mark.parametrize("half", [b"", b"2", b"200:", b"200:Fou", b"\xff\x00", b"200:Found:1\n"])
def test_a_restart_in_the_middle_of_a_line_is_a_restart(half):
    with boarded({"get x": once(half + BANNER)}) as (robot, _):
        if half.endswith(b"\n"):
            assert robot.x == 1
        else:
            assert fault(iotkit.DeviceReset, lambda: robot.x).endswith("answered 'get x'")
        assert [robot.x, robot.y] == [1, 2]


def test_a_restart_while_nobody_asks_is_not_noticed():
    with boarded() as (robot, board):
        board.say(BANNER * 3)
        assert link_of(robot)._line.started.wait(SOON)
        assert [robot.x, robot.y] == [1, 2]


def test_a_board_that_restarts_again_and_again_ends_in_an_error():
    with boarded(timeout=SHORT) as (robot, board):
        board.usual = lambda command: BANNER  # type: ignore[method-assign]
        fault(iotkit.IotkitError, lambda: robot.x)
        fault(iotkit.IotkitError, lambda: robot.x)


def test_a_board_that_babbles_its_banner_ends_in_an_error():
    with boarded(timeout=SHORT) as (robot, board):
        stop = threading.Event()

        def babble():
            while not stop.wait(0.005):
                board.say(BANNER)

        board.usual = lambda command: b""  # type: ignore[method-assign]
        babbling = threading.Thread(target=babble)
        babbling.start()
        try:
            for _ in range(3):
                fault(iotkit.IotkitError, lambda: robot.x)
        finally:
            stop.set()
            babbling.join()


class Booting(Board):
    """A board that hears nothing until it has started."""

    def __init__(self, transport, after, banner=BANNER):
        super().__init__(transport)
        self._ready = time.monotonic() + after
        self._banner = banner
        self._said = False

    def answer(self, command):
        if time.monotonic() > self._ready:
            super().answer(command)

    def _run(self):
        time.sleep(max(self._ready - time.monotonic(), 0))
        self.say(self._banner)
        super()._run()


@pytest.mark.parametrize(
    ("after", "banner"),
    [
        (0.0, BANNER),
        (0.1, b"\xff\xf0\x00noise" + BANNER),
        (0.3, BANNER),
        (0.3, b""),
        (0.5, BANNER * 2),
        (0.0, b""),
    ],
)
def test_a_board_that_starts_early_late_or_silently_is_connected(monkeypatch, after, banner):
    monkeypatch.setattr(greeting, "BOOT_TIME", 0.2)
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.1)
    here, there = pair("slow")
    here.resets = True
    with (
        Booting(there, after, banner) as board,
        device_over(SerialLink(here, timeout=SHORT)) as robot,
    ):
        assert robot.x == 1
        assert board.heard.count("devinfo") >= 1


def test_a_banner_ends_the_wait_for_the_boot_loader():
    here, there = pair("quick")
    here.resets = True
    began = time.monotonic()
    with Booting(there, 0.0), device_over(SerialLink(here)) as robot:
        assert robot.x == 1
        assert time.monotonic() - began < greeting.BOOT_TIME


# Odd descriptions


@contextlib.contextmanager
def introduced(answers, timeout=SHORT):
    """Give the object for a board that answers so from the beginning."""
    here, there = pair("odd")
    with Board(there, answers) as board, device_over(SerialLink(here, timeout=timeout)) as robot:
        yield robot, board


@pytest.mark.parametrize(
    "answer", [None, b"404:No help found:x\r\n", b"?\r\n", b"200:Found\r\n", b"500:Fail:-\r\n"]
)
def test_an_attribute_without_help_is_usable(answer):
    with introduced({"help x": answer}) as (robot, _):
        assert robot.x == 1
        assert robot.x.__doc__ == ""
        assert robot.y.__doc__ == "The y"


@pytest.mark.parametrize(
    ("help_", "kept"),
    [
        ("int - The x", "The x"),
        ("int -", ""),
        ("int", ""),
        ("  int  -  The x", "The x"),
        ("internal speed", "internal speed"),
        ("int -5 to 5", "int -5 to 5"),
        ("float - The x", "float - The x"),
        ("The x [0..255 cm]", "The x [0..255 cm]"),
        ("x", "x"),
    ],
)
def test_a_help_that_does_not_follow_the_form_is_kept(help_, kept):
    with introduced({"help x": f"200:Help found:{help_}\r\n".encode()}) as (robot, _):
        assert robot.x.__doc__ == kept


def test_a_function_without_help_is_there_and_takes_nothing():
    with introduced({"help go": None, "help double": b"404:No help found:double\r\n"}) as (
        robot,
        b,
    ):
        assert robot.go() is None
        with pytest.raises(TypeError):
            robot.double(1)
        assert "double" not in b.heard


def test_a_board_that_is_silent_on_help_is_connected_all_the_same_and_soon():
    names = [f"a{i}" for i in range(200)]
    answers = {f"help {name}": None for name in names}
    answers["attrs"] = ("200:ATTRS OK:" + ",".join(f"{n}:int" for n in names) + "\r\n").encode()
    began = time.monotonic()
    with introduced(answers, timeout=0.05) as (robot, board):
        assert time.monotonic() - began < SOON / 2
        assert {"a0", "a199", "go"} <= set(dir(robot))
        assert len([c for c in board.heard if c.startswith("help ")]) < 10


def test_a_help_line_cut_short_is_usable():
    line = b"200:Help found:double n:int -> r:int - " + b"x" * 200
    with introduced({"help double": line[:140] + b"\r\n"}) as (robot, _):
        assert robot.double(4) == 8


HOSTILE = ["__class__", "close", "class", "a-b", "devinfo", "x", "x", "1x", "a b", "", "é", "a\rb"]


def test_hostile_names_replace_nothing_and_do_no_harm(caplog):
    listed = ",".join(f"{name}:int" for name in HOSTILE)
    functions = ",".join(["ping", *HOSTILE, "__init__", "_link"])
    answers = {
        "attrs": f"200:ATTRS OK:{listed}\r\n".encode(),
        "funcs": f"200:FUNCS OK:{functions}\r\n".encode(),
        "get class": b"200:Found:5\r\n",
        "get __class__": b"200:Found:6\r\n",
        "get close": b"200:Found:7\r\n",
    }
    with introduced(answers) as (robot, _):
        assert robot.x == 1
        assert type(robot).__name__ == "board"
        assert [robot["class"], robot["__class__"], robot["close"]] == [5, 6, 7]
        assert robot.devinfo["devicename"] == "board"
        assert list(robot.devinfo["attrs"]) == ["__class__", "close", "class", "a-b", "x"]
        assert list(robot.devinfo["funcs"]) == ["__init__", "_link"]
        assert "can't be used, or is there twice" in caplog.text


def test_five_hundred_names_and_a_huge_help_are_taken():
    names = [f"a{i}" for i in range(500)]
    answers = {f"help {name}": b"200:Help found:int - short\r\n" for name in names}
    answers["help a7"] = b"200:Help found:int - " + b"long " * 2000 + b"\r\n"
    answers["attrs"] = ("200:ATTRS OK:" + ",".join(f"{n}:int" for n in names) + "\r\n").encode()
    answers["get a499"] = b"200:Found:1\r\n"
    with introduced(answers, timeout=SOON) as (robot, _):
        assert robot.a499 == 1
        assert len(robot.devinfo["attrs"]) == 500
        assert len(robot.devinfo["attrs"]["a7"]["help"]) == 9999


def test_more_names_than_any_device_has_are_left_out(caplog):
    listed = ",".join(f"a{i}:int" for i in range(5000))
    with introduced({"attrs": f"200:ATTRS OK:{listed}\r\n".encode()}, timeout=SOON) as (robot, b):
        assert len(robot.devinfo["attrs"]) == 1000
        assert len(b.heard) < 1100
        assert "more than 1000 names" in caplog.text


@pytest.mark.parametrize(
    "answer", [b"404:funcname Not Found:-\r\n", b"200:DEV READY:\r\n", b"200:DEV READY:a b\r\n"]
)
def test_what_is_no_device_is_a_protocol_error(answer):
    here, there = pair("modem")
    with Board(there, {"devinfo": answer}):
        assert "is no device id" in fault(iotkit.ProtocolError, lambda: SerialLink(here))


@pytest.mark.parametrize(
    "answer", [lambda command: command.encode() + b"\r\n", lambda _: b"$GPGGA,1,2\r\n" * 100]
)
def test_what_only_echoes_or_talks_is_no_device(monkeypatch, answer):
    monkeypatch.setattr(greeting, "HELLO_TIMEOUT", 0.05)
    here, there = pair("thing")
    with Board(there) as thing:
        thing.usual = answer
        fault(iotkit.IotkitError, lambda: SerialLink(here))
        with pytest.raises(iotkit.DeviceDisconnected):
            here.write(b"x")  # closed


# The transport fails


class Failing(Transport):
    """Another transport, which can be made to fail."""

    def __init__(self, inner):
        self._inner, self.name = inner, inner.name
        self.read_error = self.write_error = None

    def read(self):
        if self.read_error:
            raise self.read_error
        return self._inner.read()

    def write(self, data):
        if self.write_error:
            raise self.write_error
        self._inner.write(data)

    def close(self):
        self._inner.close()


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("read_error", iotkit.DeviceDisconnected("gone")),
        ("write_error", iotkit.DeviceDisconnected("gone")),
        ("read_error", ZeroDivisionError("a bug")),
    ],
)
def test_when_the_transport_fails_everybody_who_waits_is_told(way, error, caplog):
    here, there = pair()
    line = Failing(here)
    with Board(there, {"go": None}) as board:
        link = SerialLink(line)
        first = link.call("go", ())
        board.wait_for("go")
        futures = [first, *(link.get("x") for _ in range(300))]
        setattr(line, way, error)
        board.say(b"200:Success:-\r\n")
        ended = [future.exception(SOON) for future in futures[1:]]
        assert all(isinstance(e, iotkit.DeviceDisconnected) for e in ended)
        assert len({id(e) for e in ended}) == len(ended)
        assert first.done()
        assert link.closed
        link.close()


# Turns


def test_a_user_goes_before_the_background():
    released = threading.Event()

    def wait(board):
        released.wait(SOON)
        board.say(b"200:Success:-\r\n")

    with boarded({"go": wait}) as (robot, board):
        link = link_of(robot)
        link.call("go", ())
        board.wait_for("go")
        polls = [link.get("y", background=True) for _ in range(3)]
        mine = link.get("x")
        released.set()
        assert [f.result(SOON) for f in (mine, *polls)] == [1, 2, 2, 2]
        assert board.heard == ["go", "get x", "get y", "get y", "get y"]


def test_what_has_not_been_sent_can_be_taken_back_and_is_never_sent():
    released = threading.Event()

    def wait(board):
        released.wait(SOON)
        board.say(b"200:Success:-\r\n")

    with boarded({"go": wait}) as (robot, board):
        link = link_of(robot)
        going = link.call("go", ())
        board.wait_for("go")
        queued = [link.call("double", (n,)) for n in range(5)]
        assert not going.cancel()
        assert [future.cancel() for future in queued[:4]] == [True] * 4
        released.set()
        assert queued[4].result(SOON) == 8
        assert board.heard == ["go", "double 4"]


def test_a_call_taken_back_while_the_line_finds_its_place_is_never_sent():
    with boarded({"go": late(3 * SHORT, b"200:Success:-\r\n")}, call_timeout=SHORT) as (
        robot,
        board,
    ):
        fault(iotkit.DeviceTimeout, robot.go)
        queued = link_of(robot).call("double", (1,))
        assert queued.cancel()
        assert robot.double(2) == 4
        assert "double 1" not in board.heard


def test_closing_ends_everything_that_waits_and_leaves_no_thread():
    with boarded({"go": None}) as (robot, board):
        link = link_of(robot)
        futures = [link.call("go", ()), *(link.get("x", background=n % 2 == 0) for n in range(50))]
        board.wait_for("go")
        began = time.monotonic()
        robot.close()
        assert time.monotonic() - began < 1
        for future in futures:
            assert isinstance(future.exception(SOON), iotkit.DeviceDisconnected)
        assert not [t for t in threading.enumerate() if t.name == "iotkit board"]


def test_a_device_can_be_closed_from_its_own_callback():
    with boarded() as (robot, _):
        link = link_of(robot)
        done = threading.Event()
        future = link.get("x")
        future.add_done_callback(lambda _: (link.close(), done.set()))
        assert done.wait(SOON)
        assert link.closed


def test_a_callback_may_ask_again():
    with boarded() as (robot, _):
        link, values, done = link_of(robot), [], threading.Event()

        def told(future):
            values.append(future.result())
            if len(values) < 20:
                link.get("x").add_done_callback(told)
            else:
                done.set()

        link.get("x").add_done_callback(told)
        assert done.wait(SOON)
        assert values == [1] * 20


# All of it at random


class Moody(Board):
    """A board that answers each command once at the most, in order, and often badly."""

    def __init__(self, transport, seed):
        super().__init__(transport)
        self._random = random.Random(seed)
        self.good = True
        self._count = 0

    def usual(self, command):
        if command in ("get x", "get y"):  # x is even and y is odd, and never the same again
            self._count += 2
            return f"200:Found:{self._count + (command == 'get y')}\r\n".encode()
        return super().usual(command)

    def answer(self, command):
        answer = self.usual(command)
        mood = self._random.random()
        if self.good or mood < 0.5:
            self.say(answer)
        elif mood < 0.6:
            pass
        elif mood < 0.7:
            time.sleep(self._random.uniform(0.5, 4) * MOODY_TIMEOUT)
            self.say(answer)
        elif mood < 0.75:
            self.say(answer[1:])
        elif mood < 0.8:
            middle = self._random.randrange(1, answer.index(b":", 4))  # the data stays in one piece
            self.say(answer[:middle] + b"\n" + answer[middle:])
        elif mood < 0.85:
            self.say(b"\xff\x00debug\r\n103:x:3\r\n" + answer)
        elif mood < 0.9:
            self.say(answer * 2)
        elif mood < 0.95:
            self.say(BANNER)
        else:
            self.say(answer[: self._random.randrange(4)] + BANNER)


MOODY_TIMEOUT = 0.05


def in_the_end(work):
    """Do it until it works, on a board that is good again."""
    deadline = time.monotonic() + SOON
    while True:
        try:
            return work()
        except iotkit.IotkitError:
            assert time.monotonic() < deadline


def use_a_moody_board(seed):
    """Use it for a while; return what was wrong."""
    chance, wrong, called = random.Random(-seed), [], {}
    here, there = pair(f"moody {seed}")
    with Moody(there, seed) as board:
        link = SerialLink(here)
        link._timeout = link._call_timeout = MOODY_TIMEOUT
        board.good = False
        with device_over(link) as robot:
            for n in range(1000, 1040):
                try:
                    match chance.randrange(3):
                        case 0 if robot.x % 2:
                            wrong.append("x was y's")
                        case 1 if not robot.y % 2:
                            wrong.append("y was x's")
                        case 2:
                            called[n] = 0
                            if robot.double(n) != 2 * n:
                                wrong.append(f"double({n}) was another's")
                            called[n] = 1
                except iotkit.IotkitError as error:
                    if "was not sent" in str(error):
                        called.pop(n, None)
            board.good = True
            wrong += ["x was y's in the end"] if in_the_end(lambda: robot.x) % 2 else []
    sent = [command for command in board.heard if command.startswith("double")]
    wrong += [f"{c} was sent {sent.count(c)} times" for c in set(sent) if sent.count(c) > 1]
    wrong += [
        f"{c} was sent, though it was said not to be" for c in sent if int(c[7:]) not in called
    ]
    wrong += [
        f"double {n} was answered, not sent"
        for n, ok in called.items()
        if ok > sent.count(f"double {n}")
    ]
    return [f"seed {seed}: {what}" for what in wrong]


def all_of(use, seeds):
    """Return what was wrong, of all at once."""
    results = []
    threads = [threading.Thread(target=lambda s=s: results.append(use(s))) for s in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert len(results) == len(threads)
    return [what for wrong in results for what in wrong]


def test_whatever_a_board_does_no_answer_is_anothers_and_no_action_is_sent_twice():
    seed = random.SystemRandom().randrange(10**6)
    assert all_of(use_a_moody_board, range(seed, seed + 12)) == []


# Version 2: a line that garbles frames


class Counter(host.Device):
    """Says what it did; `x` is even and `y` is odd, and never the same again."""

    def __init__(self):
        self.doubled = []
        self._count = 0
        self._lock = threading.Lock()

    @property
    def x(self) -> int:
        with self._lock:
            self._count += 2
            return self._count

    @property
    def y(self) -> int:
        return self.x + 1

    @host.function
    def double(self, n: int) -> int:
        self.doubled.append(n)
        return 2 * n


class Tampered(Transport):
    """Another transport, on which `there` and `back` change the lines that pass."""

    def __init__(self, inner, there=bytes, back=bytes):
        self._inner, self.name = inner, inner.name
        self.there, self.back = there, back
        self._half = b""

    def read(self):
        *lines, self._half = (self._half + self._inner.read()).split(b"\n")
        return b"".join(self.back(line + b"\n") for line in lines)

    def write(self, data):
        self._inner.write(self.there(data))

    def close(self):
        self._inner.close()


@contextlib.contextmanager
def tampered(timeout=SOON, **changes):
    """Give the object for a Counter, the counter, and the line, which has these `changes`."""
    counter, (here, there) = Counter(), pair("line")
    board = threading.Thread(target=host.run, args=(counter, there))
    board.start()
    try:
        line = Tampered(here, **changes)
        line.far_end = there
        with device_over(SerialLink(line, timeout=timeout)) as robot:
            assert link_of(robot)._line.framed
            yield robot, counter, line
    finally:
        here.close()
        board.join(SOON)


def first(change, what=b""):
    """Change only the first line that holds `what`."""
    left = [change]
    return lambda line: left.pop()(line) if what in line and left else line


@pytest.mark.parametrize("at", range(1, 16))
def test_an_action_whose_frame_is_cut_in_two_runs_once(at):
    with tampered() as (robot, counter, line):
        assert robot.x == 2  # the device knows frames now
        line.there = first(lambda data: data[:at] + b"\n" + data[at + 1 :])
        assert robot.double(4) == 8
        assert counter.doubled == [4]


def test_an_action_is_not_sent_again_for_a_frame_that_was_given_up():
    with tampered() as (robot, counter, line):
        link_of(robot)._timeout = SHORT
        line.back = lambda data: b"" if b"200:Found" in data else data
        fault(TimeoutError, lambda: robot.x)

        def with_late_news(data):
            line.far_end.write(frame("_", "400:Bad checksum:-"))  # of what was given up
            return data

        line.there = with_late_news
        assert [robot.double(4), robot.double(5)] == [8, 10]
        assert counter.doubled == [4, 5]


def test_a_device_that_is_silent_for_long_is_lost_before_it_could_be_misunderstood():
    with tampered() as (robot, _, line):
        link, late = link_of(robot), []
        link._timeout = 0.01
        line.back = lambda data: late.append(data) or b""
        for _ in range(len(TAGS)):
            said = fault(iotkit.IotkitError, lambda: robot.x)
            if link.closed:
                break
        assert said == "line does not answer any more"
        assert len(late) <= len(TAGS)


def test_a_restart_in_the_middle_of_a_frame_is_a_restart():
    with tampered() as (robot, _, line):
        began = time.monotonic()
        line.back = first(lambda data: data[:7] + b"200:DEV READY iotoy/2 0:counter\r\n")
        fault(iotkit.DeviceReset, lambda: robot.double(4))
        assert robot.double(5) == 10
        assert time.monotonic() - began < SOON


def test_a_description_of_which_a_line_is_lost_is_asked_for_again(monkeypatch):
    monkeypatch.setattr("iotkit.links.introspection.known.recall", lambda *_: None)
    for lost in (b"FUNC:double", b"DESCRIBE OK"):
        with tampered(SHORT, back=first(lambda _: b"", lost)) as (robot, _, _):
            assert robot.double(4) == 8
            assert {"x", "y", "double"} <= set(dir(robot))


def test_an_answer_that_never_ends_is_an_error(monkeypatch):
    monkeypatch.setattr("iotkit.links.conversation.MAX_PARTS", 20)
    with tampered() as (robot, _, line):
        link_of(robot)._timeout = SHORT
        asked, ended = [], threading.Event()

        def go_on():
            while not ended.wait(0.005):
                for data in asked[-1:]:
                    line.far_end.write(frame(chr(data[1]), "102:INFO:still at it"))

        line.there = lambda data: asked.append(data) or data
        line.back = lambda data: b"" if b"200:Found" in data else data
        going_on = threading.Thread(target=go_on)
        going_on.start()
        try:
            fault(iotkit.DeviceTimeout, lambda: robot.x)
        finally:
            ended.set()
            going_on.join()
        assert robot.double(4) == 8


class Noisy(Transport):
    """Another transport, on which bytes change and lines get lost, come twice, late, in disorder.

    Never more than one byte of a line, which the checksum is sure to notice. What says that a
    command came damaged is never late nor doubled, on no real line: it tells of the last one.
    """

    def __init__(self, inner, seed):
        self._inner, self.name = inner, inner.name
        self._random = random.Random(seed)
        self._half, self._late = b"", []
        self.noise = 0.0

    def read(self):
        *lines, self._half = (self._half + self._inner.read()).split(b"\n")
        damage = [self._changed(line + b"\n") for line in lines if line.startswith(b"$_400")]
        lines = [line for line in lines if not line.startswith(b"$_400")]
        come = [line for line in self._late if self._random.random() < 0.5]
        self._late = [line for line in self._late if line not in come]
        for line in lines:
            come.append(self._changed(line + b"\n"))
            if self._random.random() < self.noise:
                come.append(line + b"\n")
            if self._random.random() < self.noise:
                self._late.append(come.pop())
        if self.noise:
            self._random.shuffle(come)
        return b"".join(damage + come)

    def write(self, data):
        self._inner.write(self._changed(data))

    def close(self):
        self._inner.close()

    def _changed(self, line):
        chance = self._random.random()
        if chance < self.noise / 4 or not line:
            return b""
        if chance > self.noise:
            return line
        at = self._random.randrange(len(line))
        byte = self._random.choice([10, 36, 42, line[at] ^ 1, self._random.randrange(256)])
        return line[:at] + bytes([byte]) + line[at + 1 :]


def use_a_noisy_line(seed):
    """Use it for a while, from several threads; return what was wrong."""
    wrong, counter = [], Counter()
    here, there = pair(f"noisy {seed}")
    board = threading.Thread(target=host.run, args=(counter, there))
    board.start()
    line = Noisy(here, seed)
    link = SerialLink(line)
    link._timeout = link._call_timeout = MOODY_TIMEOUT
    line.noise = 0.15

    def use(robot, user):
        chance = random.Random(seed * 7 + user)
        for n in range(user * 1000, user * 1000 + 25):
            with contextlib.suppress(iotkit.IotkitError):
                match chance.randrange(3):
                    case 0 if robot.x % 2:
                        wrong.append("x was y's")
                    case 1 if not robot.y % 2:
                        wrong.append("y was x's")
                    case 2 if robot.double(n) != 2 * n:
                        wrong.append(f"double({n}) was another's")

    with device_over(link) as robot:
        users = [threading.Thread(target=use, args=(robot, user)) for user in range(1, 4)]
        for user in users:
            user.start()
        for user in users:
            user.join(50)
        line.noise = 0.0
        wrong += ["x was y's in the end"] if in_the_end(lambda: robot.x) % 2 else []
    board.join(SOON)
    wrong += [f"double({n}) ran twice" for n in counter.doubled if counter.doubled.count(n) > 1]
    return [f"seed {seed}: {what}" for what in wrong]


def test_whatever_a_line_does_to_frames_no_answer_is_anothers_and_no_action_runs_twice():
    seed = random.SystemRandom().randrange(10**6)
    assert all_of(use_a_noisy_line, range(seed, seed + 8)) == []
