"""Ctrl-C ends whatever a person waits for, also one that comes just before the wait begins."""

from __future__ import annotations

import signal
import sys
import threading
from concurrent.futures import Future

import pytest

import iotkit
from iotkit import host
from iotkit.commands import wait
from iotkit.links.questions import Answer


class Bell(host.Device):
    """A bell."""

    @host.event
    def rung(self) -> None:
        """Somebody is at the door"""


def for_news(bell, folder, ready):
    watch = bell.watch("rung")
    ready.set()
    next(watch)


def for_a_recording(bell, folder, ready):
    with iotkit.record(bell, "rung", path=folder / "one.iotkit") as recording:
        ready.set()
        recording.wait()


def for_a_call(bell, folder, ready):
    future = Future()
    ready.set()
    try:
        wait(future)
    finally:
        assert future.cancelled()  # what has not been sent is taken back


def for_an_answer(bell, folder, ready):
    ready.set()
    wait(Answer(lambda answer: None))  # another thread reads the line


def is_waiting(thread):
    frame = sys._current_frames()[thread.ident]
    waits = frame.f_code.co_filename == threading.__file__
    while frame and waits:
        waits = frame.f_code.co_name not in ("start", "set")  # those end by themselves
        frame = frame.f_back
    return waits


@pytest.mark.parametrize("waits", [for_news, for_a_recording, for_a_call, for_an_answer])
def test_ctrl_c_ends_a_wait_although_it_does_not_wake_it(waits, tmp_path):
    # A signal that comes between Python's last look for one and the system's call is noted, and
    # wakes nobody; so does one that another thread gets.
    ready = threading.Event()

    def interrupt():
        ready.wait()
        while not is_waiting(threading.main_thread()):
            pass
        signal.raise_signal(signal.SIGINT)

    with iotkit.connect(Bell()) as bell:
        other = threading.Thread(target=interrupt)
        other.start()
        with pytest.raises(KeyboardInterrupt):
            waits(bell, tmp_path, ready)
        other.join()
