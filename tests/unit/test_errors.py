from __future__ import annotations

import copy
import pickle

import pytest

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
