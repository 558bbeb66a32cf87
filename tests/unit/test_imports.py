from __future__ import annotations

import json
import subprocess
import sys

import pytest

import iotkit

PUBLIC = [
    *(
        "BadTarget",
        "BadType",
        "BadValue",
        "Device",
        "DeviceClaimed",
        "DeviceDisconnected",
        "DeviceError",
    ),
    "DeviceLost",
    *(
        "DeviceNotFound",
        "DeviceReset",
        "DeviceStopped",
        "DeviceTimeout",
        "IotkitError",
        "NotAllowed",
        "NotOnNetwork",
        "OutOfRange",
        "PortBusy",
    ),
    *(
        "ProtocolError",
        "ReadOnly",
        "RecordingError",
        "SomeFailed",
        "UnknownName",
        "WrongCertificate",
    ),
    *(
        "connect",
        "discover",
        "find",
        "group",
        "link_of",
        "pair",
        "plot",
        "record",
        "recording",
        "replay",
        "serve",
    ),
]
HEAVY = [
    *("tornado", "zeroconf", "serial", "requests", "urllib3", "click", "prompt_toolkit", "IPython"),
    "cryptography",
    *("ipywidgets", "anywidget", "traitlets", "numpy", "asyncio", "ssl", "socket", "subprocess"),
    *(
        "concurrent.futures",
        "multiprocessing",
        "email",
        "http",
        "logging",
        "inspect",
        "dataclasses",
    ),
]


def in_a_new_python(code):
    """Return what `code` leaves in `result`, run by a Python of its own."""
    program = f"import sys\n{code}\nimport json\nprint(json.dumps(result))"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return json.loads(ran.stdout.splitlines()[-1])


def loaded_by(code):
    before = "before = set(sys.modules)"
    return in_a_new_python(f"{before}\n{code}\nresult = sorted(set(sys.modules) - before)")


def test_importing_iotkit_loads_nothing_heavy():
    loaded = loaded_by("import iotkit")
    assert not set(HEAVY) & set(loaded)
    assert {name for name in loaded if name.startswith("iotkit")} == {
        "iotkit",
        "iotkit.errors",
        "iotkit.plain",
    }


def test_importing_iotkit_starts_no_thread_and_opens_nothing():
    threads, files = in_a_new_python(
        "import os, threading\n"
        "files = sorted(os.listdir('/proc/self/fd')) if os.path.exists('/proc') else []\n"
        "import iotkit\n"
        "now = sorted(os.listdir('/proc/self/fd')) if os.path.exists('/proc') else []\n"
        "result = [threading.active_count(), [x for x in now if x not in files]]"
    )
    assert threads == 1
    assert files == []


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("iotkit.host", ["tornado", "zeroconf", "serial", "requests", "asyncio", "iotkit.device"]),
        ("iotkit.protocol", ["socket", "select", "serial", "concurrent.futures"]),
        ("iotkit.device", ["tornado", "zeroconf", "serial", "requests", "asyncio", "iotkit.host"]),
        ("iotkit.links.serial", ["tornado", "zeroconf", "serial", "requests", "asyncio"]),
        ("iotkit.sim", ["tornado", "zeroconf", "serial", "requests", "asyncio"]),
    ],
)
def test_a_part_loads_only_what_it_needs(module, unneeded):
    assert not set(unneeded) & set(loaded_by(f"import {module}"))


def test_a_simulated_device_needs_neither_network_nor_port():
    loaded = loaded_by("import iotkit; iotkit.connect('sim:sumobot').close()")
    assert not {"tornado", "zeroconf", "serial", "requests", "asyncio"} & set(loaded)


def test_the_public_names_are_these():
    assert sorted(iotkit.__all__) == sorted(PUBLIC)
    assert sorted(dir(iotkit)) == sorted([*PUBLIC, "__version__"])


def test_every_public_name_is_there_and_documented():
    for name in PUBLIC:
        assert getattr(iotkit, name).__doc__


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'iotkit' has no attribute 'conect'"):
        _ = iotkit.conect
