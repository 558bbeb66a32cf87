"""Real ports, sockets and programs: opening them, losing them, and leaving none behind."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_devices import SOON, Board, boarded
from program import environment, started

import iotkit
from iotkit.device import device_over
from iotkit.links.serial import SerialLink
from iotkit.transports import holders, process
from iotkit.transports.memory import pair
from iotkit.transports.process import Process, Streams
from iotkit.transports.serial import Serial, _explained
from iotkit.transports.tcp import Tcp

posix = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo terminals")
AT_ONCE = 1.0  # seconds in which who waits is told that the device is gone


def python(code):
    return shlex.join([sys.executable, "-c", code])


# Gone in the middle of a call


@contextmanager
def pulled_from_a_port(answers):
    from iotkit.transports.pty import Pty

    with Pty() as terminal, Board(terminal, answers) as board:
        yield Serial(terminal.name), board, terminal.close


@contextmanager
def cut_from_the_network(answers):
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = Tcp.connect(*server.getsockname())
        there = Tcp(server.accept()[0], "the host")
        with Board(there, answers) as board:
            yield transport, board, there.close


@contextmanager
def ended_in_memory(answers):
    here, there = pair()
    with Board(there, answers) as board:
        yield here, board, there.close


@pytest.mark.parametrize(
    "losing",
    [pytest.param(pulled_from_a_port, marks=posix), cut_from_the_network, ended_in_memory],
)
@pytest.mark.parametrize("ask", ["go", "x"])
def test_a_device_that_goes_in_mid_call_is_told_of_within_a_second(losing, ask):
    with (
        losing({"go": None, "get x": None}) as (transport, board, lose),
        boarded() as (other, _),
        device_over(SerialLink(transport)) as robot,
    ):
        ended = []

        def use():
            try:
                robot.go() if ask == "go" else robot.x
            except iotkit.IotkitError as error:
                ended.append((error, time.monotonic()))

        waiting = threading.Thread(target=use)
        waiting.start()
        board.wait_for("go" if ask == "go" else "get x")
        began = time.monotonic()
        lose()
        waiting.join(SOON)
        ((error, at),) = ended
        assert isinstance(error, iotkit.DeviceDisconnected)
        assert at - began < AT_ONCE
        with pytest.raises(ConnectionError):
            _ = robot.x
        assert "closed" in repr(robot)
        assert other.x == 1  # other devices go on


def test_a_program_that_dies_in_mid_call_is_told_of_within_a_second():
    folders = [str(folder) for folder in Path(__file__).parents[1:3]]
    program = python(
        f"import sys, os; sys.path[:0] = {folders}\n"
        "from iotkit.host import Device, function, run\n"
        "from iotkit.transports.process import Streams\n"
        "class Mortal(Device):\n"
        "    @function\n"
        "    def die(self) -> None: os._exit(3)\n"
        "run(Mortal(), Streams(sys.stdin.buffer, sys.stdout.buffer, 'mortal'))\n"
    )
    with device_over(SerialLink(Process(program))) as mortal:
        began = time.monotonic()
        with pytest.raises(iotkit.DeviceDisconnected, match="has ended"):
            mortal.die()
        assert time.monotonic() - began < AT_ONCE


# Serial ports


@pytest.fixture
def terminal():
    from iotkit.transports.pty import Pty

    with Pty() as terminal:
        yield terminal


@posix
def test_a_port_that_is_open_is_busy_for_others_and_goes_on_for_the_first(terminal):
    with Board(terminal), device_over(SerialLink(Serial(terminal.name))) as robot:
        began = time.monotonic()
        with pytest.raises(PermissionError, match=f"^{terminal.name} is in use already") as caught:
            Serial(terminal.name)
        assert isinstance(caught.value, iotkit.PortBusy)
        assert time.monotonic() - began < AT_ONCE
        assert robot.x == 1


@posix
def test_a_port_is_busy_for_another_program_too(terminal):
    with Serial(terminal.name):
        ran = subprocess.run(
            [
                *(sys.executable, "-c"),
                "import sys, iotkit\n"
                "from iotkit.transports.serial import Serial\n"
                "try: Serial(sys.argv[1])\n"
                "except iotkit.PortBusy as error: print(error)\n",
                terminal.name,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(),
        )
    assert ran.stdout.startswith(f"{terminal.name} is in use already")
    if os.path.exists("/proc/self/fd"):
        assert f"by {holders._name(os.getpid())} (process {os.getpid()}): close" in ran.stdout


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="knows who has a file by /proc")
def test_a_port_that_this_program_has_open_says_so(terminal):
    with (
        Serial(terminal.name),
        pytest.raises(iotkit.PortBusy, match=rf"by this very program \(process {os.getpid()}\):"),
    ):
        Serial(terminal.name)


def test_who_has_a_file_is_not_known_where_there_is_none():
    assert holders.holder("/dev/ttyUSB99") == ""
    assert holders.holder(__file__) == ""


@posix
def test_a_port_that_was_closed_can_be_opened_again(terminal):
    for _ in range(3):
        Serial(terminal.name).close()


@posix
def test_a_port_that_is_not_there_is_not_found():
    with pytest.raises(
        iotkit.DeviceNotFound, match=r"^there is no port /dev/ttyUSB99: is the board"
    ):
        Serial("/dev/ttyUSB99")


def test_a_port_that_one_may_not_use_says_what_to_do():
    assert "dialout" in str(_explained(OSError(errno.EACCES, "Permission denied"), "/dev/ttyUSB0"))


@posix
@pytest.mark.parametrize("path", ["/dev/null", "/", __file__])
def test_what_is_no_port_is_an_error_of_ours(path):
    with pytest.raises(iotkit.IotkitError, match=path):
        Serial(path)


@pytest.mark.skipif(sys.platform != "linux", reason="knows who has a file by /proc")
def test_the_simulator_at_a_pseudo_terminal_is_not_said_to_use_it():
    with started("simulate", "sumobot") as start:
        port = start["target"]
        assert holders.holder(port) == ""
        with Serial(port):
            assert holders.holder(port) == f"this very program (process {os.getpid()})"


@pytest.mark.skipif(sys.platform != "linux", reason="knows who has a file by /proc")
def test_somebody_elses_terminal_window_is_no_port():
    window, screen = os.openpty()
    port = os.ttyname(screen)
    try:
        with subprocess.Popen(["cat"], stdin=screen, stdout=screen, stderr=screen) as shell:
            os.close(screen)
            try:
                with pytest.raises(iotkit.PortBusy, match=rf"in use already by .* {shell.pid}\)"):
                    Serial(port)
            finally:
                shell.kill()
    finally:
        os.close(window)


def test_a_rate_that_would_erase_boards_is_refused():
    with pytest.raises(ValueError, match="boot loader"):
        Serial("/dev/ttyUSB99", 1200)


class Told(OSError):
    """An error as pyserial makes it on Windows: the system's one is only in the text."""


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (OSError(errno.EBUSY, "Device or resource busy"), iotkit.PortBusy),
        (OSError(errno.EAGAIN, "Could not exclusively lock port"), iotkit.PortBusy),
        (OSError(errno.EACCES, "Permission denied"), iotkit.PortBusy),
        (
            Told("could not open port 'COM3': PermissionError(13, 'Access is denied.')"),
            iotkit.PortBusy,
        ),
        (OSError(errno.ENOENT, "No such file or directory"), iotkit.DeviceNotFound),
        (
            Told("could not open port 'COM9': FileNotFoundError(2, 'No file')"),
            iotkit.DeviceNotFound,
        ),
        (OSError(errno.EIO, "Input/output error"), iotkit.DeviceDisconnected),
        (ValueError("Not a valid baudrate: -1"), iotkit.DeviceDisconnected),
    ],
)
def test_the_systems_words_become_the_error_one_expects(error, wanted):
    explained = _explained(error, "COM3")
    assert type(explained) is wanted
    assert "COM3" in str(explained)


@posix
def test_a_pseudo_terminal_is_not_waited_for_as_a_board_is(terminal):
    with Serial(terminal.name) as port:
        assert not port.resets


@posix
def test_a_board_is_waited_for_only_the_first_time_that_its_port_is_opened(terminal, monkeypatch):
    import termios

    monkeypatch.setattr(Serial, "_has_modem_lines", lambda _: True)  # as an adapter has
    with open(terminal.name, "rb") as file:
        modes = termios.tcgetattr(file)
        modes[2] |= termios.HUPCL  # as they begin
        termios.tcsetattr(file, termios.TCSANOW, modes)
    with Serial(terminal.name) as port:
        assert port.resets
        port.set_rate(19200)
    with Serial(terminal.name) as port:
        assert not port.resets  # its line DTR has stayed up


@posix
def test_a_slow_line_has_time_for_its_bytes_and_fewer_news(terminal):
    with Serial(terminal.name, 9600) as slow:
        assert slow.byte_time == pytest.approx(1 / 960)
        assert slow.pace == pytest.approx(64 / 960)
    with Serial(terminal.name, 115200) as quick:
        assert quick.pace == 0.015


@posix
def test_closing_a_port_ends_a_read_at_once(terminal):
    port, ended = Serial(terminal.name), threading.Event()

    def read():
        with pytest.raises(iotkit.DeviceDisconnected):
            while True:
                port.read()
        ended.set()

    reading = threading.Thread(target=read)
    reading.start()
    port.close()
    assert ended.wait(AT_ONCE)
    reading.join()
    with pytest.raises(iotkit.DeviceDisconnected):
        port.write(b"x")
    port.close()


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts open files by /proc")
def test_opening_and_closing_leaves_no_file_open(terminal):
    def files():
        return len(os.listdir("/proc/self/fd"))

    with Board(terminal), socket.create_server(("127.0.0.1", 0)) as server:
        before = files()
        for _ in range(10):
            SerialLink(Serial(terminal.name)).close()
            Tcp.connect(*server.getsockname()).close()
            server.accept()[0].close()
            Process(python("pass")).close()
            with pytest.raises(iotkit.IotkitError):
                Serial("/dev/null")
        assert files() == before


# Sockets


@pytest.mark.skipif(sys.platform != "linux", reason="pyserial's own way has this limit")
def test_a_port_works_in_a_program_with_more_than_a_thousand_open_files(terminal):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this system allows no more than a thousand")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    null = os.open(os.devnull, os.O_RDONLY)
    many = [os.dup(null) for _ in range(1100)]
    try:
        with Serial(terminal.name) as port:
            port.write(b"x" * 10_000)
            came = b""
            while len(came) < 10_000:
                came += terminal.read()
            terminal.write(b"y")
            assert port.read() == b"y"
    finally:
        for file in (null, *many):
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@posix
def test_a_port_that_takes_no_more_is_an_error_and_can_be_closed_meanwhile(terminal, monkeypatch):
    with Serial(terminal.name) as port:
        monkeypatch.setattr("iotkit.transports.serial.WRITE_TIMEOUT", 0.05)
        with pytest.raises(iotkit.DeviceDisconnected, match="takes no data"):
            port.write(b"x" * 1_000_000)
        monkeypatch.setattr("iotkit.transports.serial.WRITE_TIMEOUT", SOON)
        ended = []

        def write():
            with pytest.raises(iotkit.DeviceDisconnected):
                port.write(b"x")
            ended.append(time.monotonic())

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.05)
        began = time.monotonic()
        port.close()
        writer.join(SOON)
        assert ended[0] - began < AT_ONCE


def test_where_nobody_listens_is_an_error_in_words():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(iotkit.DeviceDisconnected, match=f"nobody answers at 127.0.0.1:{port}"):
        Tcp.connect("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 99999), ("127.0.0.1", -1), ("x" * 70, 1), ("a..b", 1), ("\0", 1)],
)
def test_an_address_that_can_not_be_is_an_error_of_ours(host, port):
    with pytest.raises(iotkit.IotkitError):
        Tcp.connect(host, port)


def test_a_peer_that_reads_slowly_still_gets_everything():
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        here = Tcp.connect(host, port)
        there = server.accept()[0]
        data, got = b"x" * 20_000_000, bytearray()

        def read():
            time.sleep(0.3)  # longer than a read waits
            while len(got) < len(data):
                got.extend(there.recv(1 << 20))

        reading = threading.Thread(target=read)
        reading.start()
        here.write(data)
        reading.join(SOON)
        there.close()
        here.close()
    assert len(got) == len(data)


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system can't be told when")
def test_the_system_looks_after_a_connection_that_is_silent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = Tcp.connect(*server.getsockname())
        there = server.accept()[0]
        sock = here._socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        asked = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
        idle, every, times = (sock.getsockopt(socket.IPPROTO_TCP, option) for option in asked)
        assert idle + every * times <= 30  # seconds
        there.close()
        here.close()


# Programs


@pytest.mark.parametrize("command", ["no-such-program-here", "", "'unclosed", "/", "a\0b"])
def test_a_program_that_can_not_be_started_is_a_bad_target(command):
    with pytest.raises(iotkit.BadTarget, match="can't be started"):
        Process(command)


@pytest.mark.parametrize("code", ["pass", "import sys; sys.exit(3)", "input()", "print('hello')"])
def test_a_program_that_is_no_device_and_ends_is_an_error(code):
    began = time.monotonic()
    with pytest.raises(iotkit.DeviceDisconnected, match="has ended"):
        SerialLink(Process(python(code)))
    assert time.monotonic() - began < SOON


def test_a_program_that_ends_with_its_input_is_let_do_so(tmp_path):
    note = tmp_path / "note"
    code = f"import sys; sys.stdin.read(); open({str(note)!r}, 'w').write('done')"
    Process(python(code)).close()
    assert note.read_text() == "done"


def test_a_program_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(process, "GRACE", 0.1)
    transport = Process(python("import time; time.sleep(1000)"))
    began = time.monotonic()
    transport.close()
    transport.close()
    assert time.monotonic() - began < SOON


@posix
def test_what_a_program_has_started_ends_with_it(monkeypatch):
    monkeypatch.setattr(process, "GRACE", 0.2)
    transport = Process("sh -c 'sleep 1000 & echo $!'")
    heard = b""
    while not heard.endswith(b"\n"):
        heard += transport.read()
    transport.close()
    deadline = time.monotonic() + SOON
    while _runs(int(heard)):
        assert time.monotonic() < deadline


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_after_its_end_a_stream_says_so_for_ever(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    with source.open("rb") as reader, (tmp_path / "sink").open("wb") as writer:
        streams = Streams(reader, writer, "files")
        assert streams.read() == b"abc"
        for _ in range(3):
            with pytest.raises(iotkit.DeviceDisconnected):
                streams.read()


# Ctrl-C

WAITING = """
import sys, time
sys.path[:0] = %r
import iotkit
from fake_devices import boarded
with boarded({"go": None, "get x": None}) as (robot, board):
    for use in (robot.go, lambda: robot.x, robot.go):
        print("waiting", flush=True)
        try:
            use()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
print("ended", flush=True)
"""


@posix
def test_ctrl_c_in_a_waiting_call_returns_at_once():
    folders = [str(folder) for folder in Path(__file__).parents[1:3]]
    took = []
    with subprocess.Popen(
        [sys.executable, "-c", WAITING % folders], stdout=subprocess.PIPE, text=True
    ) as waiting:
        for _ in range(3):
            assert waiting.stdout.readline() == "waiting\n"
            time.sleep(0.05)  # until it waits: nothing can tell us
            began = time.monotonic()
            waiting.send_signal(signal.SIGINT)
            assert waiting.stdout.readline() == "interrupted\n"
            took.append(time.monotonic() - began)
        assert waiting.stdout.readline() == "ended\n"
        assert waiting.wait(SOON) == 0
    assert min(took) < 0.2
    assert max(took) < AT_ONCE


@posix
def test_ctrl_c_in_the_terminal_is_not_for_the_device_program():
    with Process(python("import sys; sys.stdin.read()")) as transport:
        assert os.getsid(transport._process.pid) != os.getsid(0)
