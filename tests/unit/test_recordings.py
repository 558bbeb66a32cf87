from __future__ import annotations

import csv
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import pytest
from fake_devices import SOON, wired
from hypothesis import given
from hypothesis import strategies as st
from program import PATIENCE, environment

import iotkit
from iotkit import errors, host
from iotkit.device import link_of
from iotkit.errors import BadType, BadValue, DeviceDisconnected, RecordingError, UnknownName
from iotkit.recordings import recorder
from iotkit.recordings.entries import MAX_LINE, Entry, Header
from iotkit.recordings.files import unreadable, unwritable
from iotkit.types import INT_MAX, INT_MIN


class Kart(host.Device):
    """A kart with one of each."""

    speed: Annotated[int, "How fast [0..100 %]"] = 50
    distance: Annotated[float, "To the wall [0..300 cm]"] = 95.0
    led: Annotated[bool, "The light"] = False
    name: Annotated[str, "What it is called"] = "kart"
    anything: Annotated[Any, "A text"] = ""

    @property
    def broken(self) -> int:
        """A sensor with a loose wire"""
        raise OSError("the wire is loose")

    @host.function
    def forward(self) -> None:
        """Drive"""

    @host.function
    def stop(self) -> None:
        """Stop at once"""

    @host.event
    def bump(self, side: str) -> None:
        """Hit something"""

    @host.event
    def pressed(self) -> None:
        """The button was pressed"""


KNOWN = host.Hosted(Kart()).description
NAMES = ("speed", "distance", "led", "name", "anything", "broken", "bump", "pressed")
HEADER = Header(KNOWN, NAMES, datetime(2026, 11, 22, 18, 30, tzinfo=UTC))


@pytest.fixture
def kart(tmp_path, monkeypatch):
    """A kart's own object and the device, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    own = Kart()
    with iotkit.connect(own) as device:
        yield own, device


def until(true):
    """Wait until `true()` is, which something else is about to bring about."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def written(path, *lines, header=HEADER):
    """Write a recording with these lines, each bytes or what is JSON."""
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines]
    path.write_bytes(header.encode() + b"".join(texts))
    return path


def plain(entries):
    """Return entries to be compared: an error by its type and what it says."""
    return [
        (time, name, (type(value), str(value) if isinstance(value, Exception) else value))
        for time, name, value in entries
    ]


# What is written is read

text = st.text(st.characters(exclude_categories=["Cs"]))
errors_known = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, errors.IotkitError)
]
failures = st.builds(lambda kind, says: kind(says), st.sampled_from(errors_known), text)
values = {
    "speed": st.integers(INT_MIN, INT_MAX),
    "distance": st.floats(allow_nan=False, allow_infinity=False),
    "led": st.booleans(),
    "name": text,
    "anything": text,
    "broken": failures,
    "bump": text,
    "pressed": st.none(),
}
times = st.floats(0, 1e9, allow_nan=False)
entries = st.lists(
    st.one_of(
        *(
            st.builds(Entry, times, st.just(name), value | failures)
            for name, value in values.items()
        )
    ),
    max_size=20,
).map(lambda some: sorted(some, key=lambda entry: entry.time))
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
starts = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=zones)


@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), starts)
def test_any_header_written_is_read_back_the_same(names, started):
    header = Header(KNOWN, tuple(names), started)
    assert Header.parse(header.encode()) == header


@given(entries)
def test_any_recording_written_is_read_back_the_same(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("log") / "kart.jsonl"
    written(path, *map(HEADER.encode_entry, some))
    assert plain(iotkit.recording(path)) == plain(some)


@given(entries, st.data())
def test_a_file_that_ends_in_the_middle_gives_what_came_before(tmp_path_factory, some, data):
    path = written(tmp_path_factory.mktemp("log") / "kart.jsonl", *map(HEADER.encode_entry, some))
    whole = path.read_bytes()
    head = len(HEADER.encode())
    path.write_bytes(whole[: data.draw(st.integers(head, len(whole)))])
    read = plain(iotkit.recording(path))
    assert read == plain(some)[: len(read)]
    ended = path.read_bytes()[head:].count(b"\n")
    assert len(read) in (ended, ended + 1)  # a line may be whole but for its end


@given(st.binary(), st.data())
def test_garbage_gives_a_result_or_one_sentence(tmp_path_factory, garbage, data):
    path = tmp_path_factory.mktemp("log") / "kart.jsonl"
    good = HEADER.encode() + HEADER.encode_entry(Entry(1.0, "bump", "left")) * 3
    at = data.draw(st.integers(0, len(good)))
    path.write_bytes(good[:at] + garbage + good[at + data.draw(st.integers(0, 9)) :])
    refused = None
    try:
        log = iotkit.recording(path)
        assert all(name in NAMES for _, name, _ in log)
        log.to_csv(path.with_suffix(".csv"))
    except RecordingError as error:
        refused = str(error)
    assert refused is None or (str(path) in refused and "\n" not in refused)


@pytest.mark.parametrize(
    "line",
    [
        b'[1, "distance", NaN]\n',
        b'[1, "distance", Infinity]\n',
        b'[1, "distance", 1e999]\n',
        b'[1, "distance", "9"]\n',
        b'[1, "distance", true]\n',
        b'[1, "distance", null]\n',
        b'[1, "speed", 1.0]\n',
        b'[1, "speed", 99999999999]\n',
        b'[1, "speed", true]\n',
        b'[1, "speed", ' + b"9" * 10_000 + b"]\n",
        b'[1, "led", 1]\n',
        b'[1, "anything", 1]\n',
        b'[1, "pressed", true]\n',
        b'[1, "bump", null]\n',
        b'[1, "__class__", 1]\n',
        b'[1, "speed"]\n',
        b'[1, "speed", 1, 1]\n',
        b'[-1, "speed", 1]\n',
        b'[NaN, "speed", 1]\n',
        b'[1e10, "speed", 1]\n',
        b'[true, "speed", 1]\n',
        b'["1", "speed", 1]\n',
        b'{"time": 1}\n',
        b"[" * 100_000 + b"\n",
        b"\n",
        b"\0\n",
        b"\xff\n",
        b'[1, "name", "' + b"x" * MAX_LINE + b'"]\n',
    ],
    ids=lambda line: repr(line[:30]),
)
def test_what_is_no_entry_is_refused_with_its_line(tmp_path, line):
    path = written(tmp_path / "kart.jsonl", [0.5, "speed", 1], line, [2, "speed", 2])
    read = iter(iotkit.recording(path))
    assert next(read) == (0.5, "speed", 1)
    with pytest.raises(RecordingError, match=r"kart.jsonl is damaged in line 3$"):
        next(read)


def test_a_recording_that_goes_back_in_time_is_refused(tmp_path):
    path = written(tmp_path / "kart.jsonl", [2, "speed", 1], [1, "speed", 2])
    with pytest.raises(RecordingError, match="goes back in time in line 3"):
        list(iotkit.recording(path))


@pytest.mark.parametrize(
    "change",
    [
        {"format": "iotkit recording 2"},
        {"started": "yesterday"},
        {"started": "2026-11-22T18:30:00"},
        {"started": "9999-12-31T23:59:59+00:00"},
        {"device": "no id"},
        {"names": []},
        {"names": ["nothing"]},
        {"names": [["speed"]]},
        {"names": "speed"},
        {"describe": None},
        {"describe": [["ATTR"]]},
        {"describe": [1]},
        {"describe": {}},
    ],
    ids=str,
)
def test_a_header_without_the_form_is_refused(tmp_path, change):
    path = tmp_path / "kart.jsonl"
    path.write_text(json.dumps(json.loads(HEADER.encode()) | change) + "\n")
    with pytest.raises(RecordingError, match=r"kart.jsonl is no recording of iotkit$"):
        iotkit.recording(path)


def test_an_empty_file_is_no_recording(tmp_path):
    (tmp_path / "kart.jsonl").touch()
    with pytest.raises(RecordingError, match="is no recording"):
        iotkit.recording(tmp_path / "kart.jsonl")


def test_a_file_that_is_not_there_is_one_sentence_with_the_one_that_may_be_meant(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    written(Path("kart.jsonl"))
    with pytest.raises(OSError, match=r"^there is no kat.jsonl, did you mean 'kart.jsonl'\?$"):
        iotkit.recording("kat.jsonl")
    with pytest.raises(OSError, match="is a folder: name a file in it"):
        iotkit.recording(tmp_path)
    with pytest.raises(OSError, match="can't be read"):
        iotkit.recording("kart\0.jsonl")


def test_an_error_that_a_later_version_may_have_is_read_as_a_device_error(tmp_path):
    path = written(tmp_path / "k.jsonl", [1, "speed", {"error": "Melted", "says": "it is hot"}])
    ((_, _, error),) = iotkit.recording(path)
    assert (type(error), str(error)) == (iotkit.DeviceError, "it is hot")


def test_the_example_on_the_page_is_a_recording(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "recordings.md"
    header, entries = re.findall("```json\n(.*?)```", page.read_text(), re.DOTALL)
    path = tmp_path / "page.jsonl"
    path.write_text(json.dumps(json.loads(header)) + "\n" + entries)
    log = iotkit.recording(path)
    assert [name for _, name, _ in log] == ["distance", "bump", "distance"]
    assert log.device.id == "sumobot:red"
    assert str(log.device.attributes["distance"].limits) == "0..300 cm"


# Recording


def test_everything_that_is_pushed_is_kept_in_order(kart):
    own, device = kart
    with iotkit.record(device, "speed", "led", "bump", "pressed") as log:
        until(lambda: len(log) == 2)
        for speed in range(1000):
            own.speed = speed
        own.led = True
        own.bump("left")
        own.pressed()
    kept = [(name, value) for _, name, value in log]
    assert [value for name, value in kept if name == "speed"] == [50, *range(1000)]
    assert [one for one in kept if one[0] != "speed"] == [
        ("led", False),
        ("led", True),
        ("bump", "left"),
        ("pressed", None),
    ]
    times = [time for time, _, _ in log]
    assert times == sorted(times)
    assert len(log) == len(kept)


def test_without_names_all_attributes_and_events_are_recorded(kart):
    own, device = kart
    with iotkit.record(device) as log:
        own.pressed()
        until(lambda: len(log) == 7)
    assert set(log.names) == set(NAMES)
    assert {name for _, name, _ in log} == {*NAMES} - {"bump"}


def test_why_a_value_is_not_known_is_kept(kart):
    _, device = kart
    with iotkit.record(device, "broken") as log:
        until(lambda: len(log))
    ((_, name, error),) = log
    assert name == "broken"
    assert isinstance(error, iotkit.DeviceError)
    assert str(error) == "broken failed: the wire is loose"


def test_a_recording_ends_with_its_device_and_says_so(kart):
    _, device = kart
    log = iotkit.record(device, "speed", "led")
    until(lambda: len(log) == 2)
    assert log.running
    device.close()
    until(lambda: not log.running)
    log.stop()
    kept = list(log)
    assert [type(value) for _, _, value in kept[2:]] == [DeviceDisconnected] * 2
    assert "ended" in repr(log)


def test_a_device_on_a_line_is_recorded_as_any_other_until_the_line_is_cut(tmp_path):
    own = Kart()
    with wired(own) as (device, line):
        log = iotkit.record(device, "speed", "bump", path=tmp_path / "run.jsonl")
        until(lambda: len(log))
        own.speed = 7
        own.bump("left")
        until(lambda: len(log) == 3)
        line.close()
        until(lambda: not log.running)
        log.stop()
    kept = [value for _, _, value in log]
    assert set(kept[:3]) == {50, 7, "left"}
    assert [type(value) for value in kept[3:]] == [DeviceDisconnected] * 2


def test_nothing_is_recorded_after_stop_and_the_device_is_asked_no_more(kart):
    own, device = kart
    log = iotkit.record(device, "speed", path="run.jsonl")
    until(lambda: len(log))
    log.stop()
    log.stop()
    own.speed = 7
    assert [value for _, _, value in log] == [50]
    assert not link_of(device).newsroom.attributes()


def test_a_recording_can_be_read_while_it_runs(kart):
    own, device = kart
    with iotkit.record(device, "speed") as log:
        until(lambda: len(log))
        own.speed = 7
        assert [value for _, _, value in log] == [50, 7]
        assert [value for _, _, value in iotkit.recording(log.path)] == [50, 7]
        assert "running, 2 changes" in repr(log)


def test_the_file_is_written_as_it_goes(kart):
    own, device = kart
    with iotkit.record(device, "speed", path="run.jsonl"):
        own.speed = 7
        until(lambda: Path("run.jsonl").read_text().endswith('"speed",7]\n'))
    assert recorder.PAUSE <= 1


def test_files_are_named_for_the_device_and_the_time_and_never_written_over(kart):
    _, device = kart
    names = []
    for _ in range(4):  # more than one within a second
        with iotkit.record(device, "speed") as log:
            names.append(log.path.name)
    assert len({*names}) == 4
    assert all(name.startswith(f"kart-{log.started:%Y-%m-%d}") for name in names)
    with (
        pytest.raises(RecordingError, match="is there already, and is not written over"),
        iotkit.record(device, path=names[0]),
    ):
        pass
    assert {one.name for one in Path().iterdir()} == {*names}


@pytest.mark.parametrize(
    ("args", "error", "says"),
    [
        (("sped",), UnknownName, "did you mean 'speed'"),
        (("forward",), UnknownName, "forward is a function of kart: there is no news of it"),
        ((["speed"],), BadType, r'as in record\(robot, "distance", "speed"\)'),
    ],
)
def test_what_can_not_be_recorded_is_said_before_there_is_a_file(kart, args, error, says):
    _, device = kart
    with pytest.raises(error, match=says):
        iotkit.record(device, *args)
    assert not list(Path().iterdir())


def test_a_value_or_a_closed_device_can_not_be_recorded(kart):
    _, device = kart
    with pytest.raises(BadType, match="takes a device and names"):
        iotkit.record(device.speed)
    device.close()
    with pytest.raises(DeviceDisconnected, match="connect to it again"):
        iotkit.record(device)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("no/such/run.jsonl", "there is no folder for no/such/run.jsonl"),
        (".", "is there already"),
        ("a\0b", "can't be written"),
        pytest.param(
            "/sys/run.jsonl",
            "you may not write /sys/run.jsonl: take a folder of your own",
            marks=pytest.mark.skipif(not Path("/sys").is_dir(), reason="Linux has it"),
        ),
    ],
)
def test_a_file_that_can_not_be_made_is_one_sentence(kart, path, says):
    _, device = kart
    with pytest.raises(RecordingError, match=says):
        iotkit.record(device, path=path)
    assert not link_of(device).newsroom.attributes()


@pytest.mark.parametrize(
    ("says", "code"),
    [("the disk is full", errno.ENOSPC), ("can't be written: Input/output", errno.EIO)],
)
def test_what_is_wrong_with_the_disk_is_one_sentence(says, code):
    assert says in str(unwritable(Path("run.jsonl"), OSError(code, os.strerror(code))))


def test_a_file_that_may_not_be_read_is_one_sentence():
    error = unreadable(Path("run.jsonl"), PermissionError(errno.EACCES, "no"))
    assert str(error) == "you may not read run.jsonl"


def test_a_value_too_long_to_be_read_again_is_noted_and_left_out(kart):
    own, device = kart
    with iotkit.record(device, "name") as log:
        until(lambda: len(log))
        own.name = "x" * MAX_LINE
        own.name = "short"
    _, (_, _, error), (_, _, last) = log
    assert str(error) == "name: the value was too long to be recorded"
    assert last == "short"


def test_a_disk_that_is_too_slow_ends_the_recording_with_a_sentence(kart, monkeypatch, capfd):
    own, device = kart
    monkeypatch.setattr(recorder, "MAX_WAITING", 2)
    log = iotkit.record(device, "speed", "led", path="run.jsonl")
    until(lambda: not log.running)
    with pytest.raises(RecordingError, match="the disk is too slow"):
        log.stop()
    log.stop()  # said once
    assert "the disk is too slow" in capfd.readouterr().err
    own.speed = 7
    assert not log.running
    assert not link_of(device).newsroom.attributes()


def test_an_error_in_the_with_is_not_hidden_by_one_of_the_file(kart, monkeypatch, capfd):
    _, device = kart
    monkeypatch.setattr(recorder, "MAX_WAITING", 1)
    with pytest.raises(KeyError), iotkit.record(device, "speed") as log:
        until(lambda: not log.running)
        raise KeyError
    assert isinstance(log.error, RecordingError)
    assert "too slow" in capfd.readouterr().err


# Another process

RECORDING = """
import sys, iotkit, threading
from iotkit import host
class Counter(host.Device):
    count: int = 0
own = Counter()
log = iotkit.record(iotkit.connect(own), path=sys.argv[1])
while len(log) == 0:
    pass
"""


def started(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", RECORDING + code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL")
def test_a_killed_process_leaves_what_it_has_recorded_but_for_the_last_moment(tmp_path):
    path = tmp_path / "run.jsonl"
    code = """
while True:
    own.count += 1
"""
    with started(code, path) as process:
        until(lambda: path.exists() and path.stat().st_size > 200_000)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    counts = [value for _, _, value in iotkit.recording(path)]
    assert len(counts) > 1000
    assert counts == list(range(counts[0], counts[0] + len(counts)))


def test_a_program_that_ends_without_stop_loses_nothing(tmp_path):
    path = tmp_path / "run.jsonl"
    with started("for n in range(1, 100): own.count = n", path) as process:
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert [value for _, _, value in iotkit.recording(path)] == list(range(100))


@pytest.mark.skipif(sys.platform == "win32", reason="it can't limit a file")
def test_a_file_that_can_grow_no_more_ends_the_recording_with_a_sentence(tmp_path):
    path = tmp_path / "run.jsonl"
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
while log.running:
    own.count += 1
try:
    log.stop()
except OSError as error:
    print(error)
"""
    with started(code, path) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert out == err == f"{path} can't be written: File too large\n"
    assert [value for _, _, value in iotkit.recording(path)][:3] == [0, 1, 2]


# Tables

RUN = [
    [0.001, "speed", 50],
    [0.002, "distance", 95.0],
    [0.003, "name", "kart"],
    [0.004, "led", False],
    [1.0, "distance", 90.5],
    [2.0, "speed", {"error": "DeviceTimeout", "says": "it is silent"}],
    [2.0, "led", True],
    [3.0, "bump", "left"],
    [4.0, "pressed", None],
    [4.0, "pressed", None],
    [5.0, "speed", 60],
]
COLUMNS = ("speed", "distance", "led", "name", "bump", "pressed")


@pytest.fixture
def run(tmp_path):
    header = Header(KNOWN, COLUMNS, HEADER.started)
    return iotkit.recording(written(tmp_path / "run.jsonl", *RUN, header=header))


def test_the_table_has_a_row_for_each_moment_and_keeps_what_has_not_changed(run):
    table = run.to_pandas()
    assert table.index.name == "seconds"
    assert list(table.index) == [0.004, 1.0, 2.0, 3.0, 4.0, 4.0, 5.0]
    assert list(table.columns) == list(COLUMNS)
    assert list(table.distance) == [95.0, *[90.5] * 6]
    assert list(table.led) == [False, False, *[True] * 5]
    assert list(table.speed.dropna()) == [50, 50, 60]
    assert list(table.speed.isna()) == [False, False, True, True, True, True, False]
    assert list(table.bump.dropna().items()) == [(3.0, "left")]
    assert list(table.pressed) == [False, False, False, False, True, True, False]


def test_the_columns_of_the_table_have_the_types_of_the_values(run):
    kinds = {name: str(kind) for name, kind in run.to_pandas().dtypes.items()}
    wanted = {"speed": "Int64", "distance": "float64", "led": "bool", "pressed": "bool"}
    assert {name: kinds[name] for name in wanted} == wanted
    assert run.to_pandas().mean(numeric_only=True)["distance"] > 90


def test_a_recording_of_nothing_is_an_empty_table(tmp_path):
    table = iotkit.recording(written(tmp_path / "run.jsonl")).to_pandas()
    assert len(table) == 0
    assert list(table.columns) == list(NAMES)


def test_a_csv_file_has_the_same_table(run, tmp_path):
    run.to_csv(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["seconds", *COLUMNS]
    assert rows[0] == ["0.004", "50", "95.0", "False", "kart", "", "False"]
    assert rows[2] == ["2.0", "", "90.5", "True", "kart", "", "False"]
    assert len(rows) == 7


def test_a_parquet_file_has_the_same_table(run, tmp_path):
    import pandas  # which takes a while to load

    run.to_parquet(tmp_path / "run.parquet")
    table = pandas.read_parquet(tmp_path / "run.parquet")
    pandas.testing.assert_frame_equal(table, run.to_pandas(), check_dtype=False)


@pytest.mark.parametrize("write", ["to_csv", "to_parquet"])
def test_a_table_that_can_not_be_written_is_one_sentence(run, tmp_path, write):
    with pytest.raises(RecordingError, match="there is no folder"):
        getattr(run, write)(tmp_path / "no" / "run")


def test_what_is_missing_for_a_table_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(iotkit.IotkitError, match=r"^a Parquet file needs pyarrow: pip install"):
        run.to_parquet(tmp_path / "run.parquet")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(iotkit.IotkitError, match=r"^this table needs pandas: pip install pandas$"):
        run.to_pandas()
    run.to_csv(tmp_path / "run.csv")


# Replay


@pytest.fixture
def replayed(run):
    with iotkit.replay(run, speed=100) as device:
        yield device


def test_a_replay_is_the_device_but_for_what_was_not_recorded(replayed):
    known = link_of(replayed).description
    assert known.id == "kart"
    assert known.help == KNOWN.help
    assert list(known.functions) == list(KNOWN.functions)
    assert set(known.attributes) == {*COLUMNS} - {"bump", "pressed"}
    assert known.events == KNOWN.events
    assert known.attributes["speed"].help == "How fast [0..100 %; read-only]"
    assert replayed in iotkit.opened.devices()


def test_a_replay_does_again_what_was_recorded(run):
    heard = []
    over = threading.Event()

    def hear(name, change, _):
        heard.append((name, type(change) if isinstance(change, Exception) else change))
        if heard[-1] == ("speed", 60):
            over.set()

    with iotkit.replay(run.path, speed=50) as device:
        following = [link_of(device).follow(name, hear) for name in COLUMNS]
        assert over.wait(SOON)
        assert device.speed == 60
        assert device.distance == 90.5
        assert device.distance.unit == "cm"
        for one in following:
            one.close()
    assert heard[4:] == [
        ("distance", 90.5),
        ("speed", iotkit.DeviceTimeout),
        ("led", True),
        ("bump", "left"),
        ("pressed", None),
        ("pressed", None),
        ("speed", 60),
    ]


def test_a_replay_begins_with_the_first_values_when_somebody_looks(run):
    with iotkit.replay(run) as device:
        assert repr(device)
        assert not [one for one in threading.enumerate() if "replay" in one.name]
        assert (device.speed, device.distance, device.led) == (50, 95.0, False)
        assert [one for one in threading.enumerate() if "replay" in one.name]


def test_a_replay_takes_its_time(tmp_path):
    path = written(tmp_path / "k.jsonl", [0, "speed", 1], [0.3, "speed", 2])
    began = time.monotonic()
    with iotkit.replay(path, speed=2) as device, device.watch("speed", keep=9) as watch:
        assert [next(watch).value, next(watch).value] == [1, 2]
        assert time.monotonic() - began >= 0.15


def test_a_value_not_known_yet_is_one_sentence(tmp_path):
    path = written(tmp_path / "k.jsonl", [0, "speed", 1], [3000, "led", True])
    with iotkit.replay(path) as device:
        with pytest.raises(iotkit.DeviceError, match="led is not known at this time"):
            _ = device.led
        assert device.speed == 1


def test_nothing_can_be_set_or_done_in_a_replay(replayed):
    with pytest.raises(iotkit.ReadOnly, match="speed can be read but not set"):
        replayed.speed = 3
    with pytest.raises(iotkit.DeviceError, match=r"^forward\(\) does nothing: this is a replay"):
        replayed.forward()
    replayed.stop()  # nothing moves


def test_that_the_device_was_gone_is_no_end_of_the_replay(tmp_path):
    gone = {"error": "DeviceDisconnected", "says": "kart is gone"}
    path = written(tmp_path / "k.jsonl", [0, "speed", 1], [0.1, "speed", gone], [0.2, "speed", 2])
    with iotkit.replay(path) as device, device.watch("speed", keep=9) as watch:
        assert next(watch).value == 1
        with pytest.raises(iotkit.DeviceError, match="kart is gone"):
            next(watch)
        assert next(watch).value == 2


def test_with_loop_a_replay_begins_anew(tmp_path):
    path = written(tmp_path / "k.jsonl", [0, "bump", "left"], [0.01, "bump", "right"])
    with (
        iotkit.replay(path, speed=50, loop=True) as device,
        device.watch("bump", keep=9) as watch,
    ):
        sides = [next(watch).value for _ in range(3)]
    assert sides == ["left", "right", "left"]


def test_a_file_that_is_damaged_further_on_is_told_where_it_is(tmp_path):
    path = written(tmp_path / "k.jsonl", [0, "speed", 1], [1.5, "speed", 2], b"nonsense\n")
    with iotkit.replay(path, speed=50) as device, device.watch("speed", keep=9) as watch:
        assert [next(watch).value, next(watch).value] == [1, 2]
        with pytest.raises(RecordingError, match="is damaged in line 4"):
            next(watch)
        with pytest.raises(RecordingError, match="is damaged in line 4"):
            _ = device.speed


def test_a_replay_can_be_renamed_and_served_recorded_and_replayed(run, tmp_path):
    with iotkit.replay(run) as device:
        link_of(device).rename("red").result(SOON)
        assert link_of(device).description.id == "kart:red"
        with iotkit.record(device, "speed", path=tmp_path / "again.jsonl") as log:
            until(lambda: len(log))
    with iotkit.replay(log) as again:
        assert link_of(again).description.id == "kart:red"
        assert again.speed == 50


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(run, speed):
    with pytest.raises(BadValue, match="2 is twice as fast"):
        iotkit.replay(run, speed)


@pytest.mark.parametrize("speed", ["fast", True, None])
def test_a_speed_that_is_no_number_is_refused(run, speed):
    with pytest.raises(BadType, match="speed is a number"):
        iotkit.replay(run, speed)


def test_what_is_no_recording_is_not_replayed(tmp_path):
    (tmp_path / "notes.txt").write_text("buy milk\n")
    with pytest.raises(RecordingError, match="is no recording of iotkit"):
        iotkit.replay(tmp_path / "notes.txt")
