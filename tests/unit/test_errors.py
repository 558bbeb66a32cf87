from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from program import environment

import iotkit
from iotkit import errors

BUILTINS = {
    "BadType": TypeError,
    "BadValue": ValueError,
    "OutOfRange": ValueError,
    "ReadOnly": AttributeError,
    "DeviceError": RuntimeError,
    "DeviceLost": ConnectionError,
    "ProtocolError": RuntimeError,
    "DeviceTimeout": TimeoutError,
    "DeviceDisconnected": ConnectionError,
    "DeviceReset": ConnectionError,
    "DeviceStopped": RuntimeError,
    "DeviceClaimed": PermissionError,
    "DeviceNotFound": LookupError,
    "NotOnNetwork": ImportError,
    "PortBusy": PermissionError,
    "NotAllowed": PermissionError,
    "WrongCertificate": PermissionError,
    "BadTarget": ValueError,
    "RecordingError": OSError,
    "SomeFailed": RuntimeError,
}
EVERY_ERROR = [*BUILTINS, "UnknownName", "IotkitError"]


@pytest.mark.parametrize("name", BUILTINS)
def test_an_error_is_iotkits_and_the_builtin_that_one_expects(name):
    error = getattr(iotkit, name)
    assert issubclass(error, iotkit.IotkitError)
    assert issubclass(error, BUILTINS[name])


def test_an_unknown_name_is_an_attribute_error_and_a_key_error():
    assert issubclass(iotkit.UnknownName, AttributeError)
    assert issubclass(iotkit.UnknownName, KeyError)


@pytest.mark.parametrize("name", EVERY_ERROR)
def test_an_error_reads_as_the_sentence_it_was_given(name):
    assert str(getattr(iotkit, name)("speed: it takes 0..255, not 300")) == (
        "speed: it takes 0..255, not 300"
    )


@pytest.mark.parametrize("name", EVERY_ERROR)
def test_an_error_without_a_sentence_reads_as_its_name(name):
    assert str(getattr(iotkit, name).__new__(getattr(iotkit, name))) == name


@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("name", EVERY_ERROR)
def test_an_error_crosses_processes(name, again):
    error = again(getattr(iotkit, name)("it is gone"))
    assert type(error) is getattr(iotkit, name)
    assert str(error) == "it is gone"


def test_a_device_error_keeps_its_status_when_it_crosses_processes():
    assert pickle.loads(pickle.dumps(iotkit.DeviceError("no", 404))).status == 404


def test_every_public_error_is_offered_by_the_package():
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert set(EVERY_ERROR) == {n for n in defined if issubclass(getattr(errors, n), Exception)}
    assert set(EVERY_ERROR) <= set(iotkit.__all__)


def test_a_near_miss_gets_a_hint():
    assert errors.did_you_mean("sped", ["led", "speed"]) == ", did you mean 'speed'?"
    assert errors.did_you_mean("zzz", ["led", "speed"]) == ""


PROGRAM = """
import iotkit, logging
from iotkit.host import Device, function

logging.disable()

class Lamp(Device):
    @function
    def blink(self) -> None:
        1 // 0

def drive(robot):
    {wrong}

drive(iotkit.connect("sim:sumobot"))
"""


def traceback_of(wrong: str, folder: Path, *options: str) -> str:
    """Return what a program prints in which `wrong` is done to a robot."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(wrong=wrong))
    command = [sys.executable, *options, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize(
    ("wrong", "last"),
    [
        ("robot.speed = 300", "OutOfRange: speed: it takes 0..100 %, not 300"),
        ("robot.forward(5)", "BadType: forward() takes no argument; it was given 1"),
        (
            "robot.close(); robot.speed",
            "DeviceDisconnected: sim:sumobot is closed: connect to it again",
        ),
        ("iotkit.group(robot).speed = 300", "OutOfRange: speed: it takes 0..100 %, not 300"),
        ("iotkit.connect('/dev/no')", "there is no port /dev/no: is the board plugged in?"),
    ],
)
def test_a_traceback_ends_where_a_program_called_iotkit(wrong, last, tmp_path):
    shown = traceback_of(wrong, tmp_path)
    assert shown.rstrip().endswith(last)
    assert "in drive" in shown
    assert shown.count("  File ") == 3  # two of the program's, and one of iotkit's
    whole = traceback_of(wrong, tmp_path, "-X", "dev")
    assert whole.count("  File ") > 3


def test_the_own_fault_of_a_device_stays_in_the_traceback(tmp_path):
    shown = traceback_of("iotkit.connect(Lamp()).blink()", tmp_path)
    assert "    1 // 0" in shown
    assert shown.count("  File ") == 6
