from __future__ import annotations

import copy
import gc
import inspect
import json
import keyword
import pickle
import pydoc
import threading
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest
from fake_devices import SOON, Probe, boarded, wired
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import iotkit
from iotkit.description import Argument, Attribute, Description, Function
from iotkit.device import Device, device_over, link_of
from iotkit.host import Hosted
from iotkit.links import Hold, Link, Newsroom, Wheel
from iotkit.links.local import LocalLink
from iotkit.sim import simulate
from iotkit.types import Type


@pytest.fixture
def probe():
    """A device, the object for it, and the line between, which counts."""
    device = Probe()
    with wired(device) as (robot, line):
        yield SimpleNamespace(device=device, robot=robot, line=line)


@pytest.fixture
def tiny():
    with wired(simulate("testhosttiny")) as (robot, _):
        yield robot


OWN = ["aio", "claim", "claimed_by", "close", "devinfo", "on", "on_state", "state", "watch"]
FUNCTIONS = ["stop", "turn", "echo", "add", "fail"]


class Echo(Link):
    """Reaches a device of any description, which answers with what it was asked."""

    target = "echo:"
    closed = False

    def __init__(self, description):
        self.description = description
        self.newsroom, self.hold, self.wheel = Newsroom(self), Hold(), Wheel(self)
        self.asked = []

    def get(self, name, *, background=False):
        return self._answer(
            ("get", name),
            {"int": 1, "float": 1.5, "bool": True}.get(
                str(self.description.attributes[name].type), "text"
            ),
        )

    def set(self, name, value):
        return self._answer(("set", name, value), None)

    def call(self, name, args, timeout=None):
        return self._answer(("call", name, *args), None)

    def close(self):
        self.closed = True

    def _answer(self, asked, value):
        self.asked.append(asked)
        future = Future()
        future.set_result(value)
        return future


# Reading, setting, calling


def test_the_seeds_example(tiny):
    assert tiny.drive_forward_time_ms == 1500
    tiny.drive_forward_time_ms = 2000
    assert tiny.drive_forward_time_ms == 2000
    assert tiny.one_arg_int_result_int(42) == 42
    assert tiny.drive_forward_time_ms.__doc__ == "How long to move forward"
    assert tiny.devinfo["attrs"]["ratio"]["help"] == "Sample float attribute"


def test_values_have_pythons_types(tiny):
    assert isinstance(tiny.drive_forward_time_ms, int)
    assert isinstance(tiny.ratio, float)
    assert tiny.some_flag is True
    assert isinstance(tiny.str_id, str)
    assert [
        type(getattr(tiny, f"no_arg_result_{t}")()) for t in ("int", "bool", "str", "float")
    ] == [
        int,
        bool,
        str,
        float,
    ]
    assert tiny.no_arg_result_T() == "4j2"
    assert tiny.barecommand() is None


def test_a_value_read_can_be_dumped(probe):
    values = {"speed": probe.robot.speed, "ratio": probe.robot.ratio, "name": probe.robot.name}
    assert json.dumps(values) == '{"speed": 80, "ratio": 0.5, "name": "probe"}'
    assert pickle.loads(pickle.dumps(values)) == values


def test_what_is_set_is_read_back(probe):
    for name, value in {
        "speed": 0,
        "ratio": 1e-7,
        "led": True,
        "name": "ä b:c ",
        "gear": "fast",
    }.items():
        setattr(probe.robot, name, value)
        assert getattr(probe.robot, name) == value


@pytest.mark.parametrize("value", [7, np.int16(7), np.uint8(7), np.array(7)])
def test_numpy_scalars_are_taken(probe, value):
    probe.robot.speed = value
    assert probe.device.speed == 7
    assert type(probe.device.speed) is int
    assert probe.robot.add(value, np.int64(1)) == 8


def test_an_int_is_taken_where_a_float_is_wanted(probe):
    probe.robot.ratio = 3
    assert probe.device.ratio == 3.0
    assert type(probe.device.ratio) is float


def test_a_value_read_can_be_set_and_passed(probe):
    probe.robot.speed = probe.robot.speed
    probe.robot.name = probe.robot.gear
    assert probe.robot.add(probe.robot.speed, probe.robot.speed) == 160
    assert probe.robot.name == "slow"


@pytest.mark.parametrize("value", ["x", True, 1.5, None, [1]])
def test_a_wrong_type_is_a_type_error_in_one_sentence_and_no_byte(probe, value):
    sent = len(probe.line.sent)
    with pytest.raises(TypeError) as caught:
        probe.robot.speed = value
    assert isinstance(caught.value, iotkit.IotkitError)
    assert str(caught.value).startswith("speed: it takes a whole number (int), not ")
    assert len(probe.line.sent) == sent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "two\nlines"),
        ("name", "a\rb"),
        ("name", "a\0b"),
        ("name", "x" * 5000),
        ("name", "\udc80"),
        ("anything", "a\nb"),
        ("speed", 256),
        ("speed", -1),
        ("speed", 2**31),
        ("ratio", float("nan")),
        ("ratio", float("-inf")),
        ("gear", "warp"),
    ],
)
def test_a_value_that_cant_be_sent_is_a_value_error_and_no_byte(probe, name, value):
    sent = len(probe.line.sent)
    with pytest.raises(ValueError, match=name):
        setattr(probe.robot, name, value)
    assert len(probe.line.sent) == sent
    assert probe.robot.speed == 80


def test_a_refusal_says_what_the_device_takes(probe):
    with pytest.raises(iotkit.OutOfRange, match=r"^speed: it takes 0\.\.255, not 300$"):
        probe.robot.speed = 300
    with pytest.raises(iotkit.OutOfRange, match=r"^gear: it takes slow or fast, not 'warp'$"):
        probe.robot.gear = "warp"
    with pytest.raises(iotkit.OutOfRange, match=r"^ms: it takes 0\.\.5000 ms, not 9000$"):
        probe.robot.turn(9000)
    assert probe.device.calls == []


def test_a_read_only_attribute_cant_be_set(probe):
    sent = len(probe.line.sent)
    with pytest.raises(AttributeError, match=r"^distance can be read but not set$"):
        probe.robot.distance = 3.0
    assert len(probe.line.sent) == sent
    assert probe.robot.distance == 12.5
    assert probe.robot.distance.unit == "cm"


def test_arguments_go_by_place_and_by_name(probe):
    assert probe.robot.add(1, 2) == 3
    assert probe.robot.add(b=2, a=-1) == 1
    assert probe.robot.add(5, b=5) == 10


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1,), {}), ((1, 2, 3), {}), ((1,), {"c": 2}), ((1,), {"a": 2})]
)
def test_wrong_arguments_are_a_type_error_with_the_signature_and_no_byte(probe, args, kwargs):
    sent = len(probe.line.sent)
    with pytest.raises(TypeError, match=r"^add\(.*a: int, b: int\)"):
        probe.robot.add(*args, **kwargs)
    assert len(probe.line.sent) == sent


def test_an_error_of_the_device_is_told_in_its_words(probe):
    with pytest.raises(iotkit.DeviceError, match="the motor is stuck") as caught:
        probe.robot.fail()
    assert caught.value.status == 500
    with pytest.raises(iotkit.DeviceError, match=r"probe refused .*broken.*the wire is loose"):
        _ = probe.robot.broken
    assert probe.robot.speed == 80


# Names


def test_a_name_nearly_right_is_named(probe):
    sent = len(probe.line.sent)
    with pytest.raises(AttributeError, match=r"^probe has no 'sped', did you mean 'speed'\?$"):
        probe.robot.sped = 1
    with pytest.raises(AttributeError, match=r"did you mean 'speed'\?$"):
        _ = probe.robot.sped
    with pytest.raises(AttributeError, match=r"did you mean 'turn'\?$"):
        probe.robot.tunr(5)
    with pytest.raises(KeyError, match=r"did you mean 'speed'\?"):
        _ = probe.robot["sped"]
    with pytest.raises(KeyError):
        probe.robot["sped"] = 1
    assert len(probe.line.sent) == sent
    assert not hasattr(probe.robot, "sped")


def test_a_name_nothing_like_any_is_answered_by_those_there_are(probe):
    names = "speed, .*, turn.* and [0-9]+ more"
    with pytest.raises(AttributeError, match=rf"^probe has no 'zzz': it has {names}$"):
        probe.robot.zzz = 1


def test_what_belongs_to_the_device_cant_be_replaced_or_deleted(probe):
    for name in ("turn", "close", "devinfo", "__class__", "__dict__", "_link", "__getitem__"):
        with pytest.raises(AttributeError):
            setattr(probe.robot, name, print)
        with pytest.raises(AttributeError):
            delattr(probe.robot, name)
    with pytest.raises(AttributeError, match="turn is a function: call it"):
        probe.robot.turn = 5
    probe.robot.turn(5)
    assert probe.device.calls == [("turn", 5)]


@pytest.mark.parametrize("key", [0, None, 1.5, ("speed",), b"speed"])
def test_a_key_that_is_no_name_is_a_key_error(probe, key):
    with pytest.raises(KeyError):
        probe.robot[key]


ODD = ["class", "None", "a-b", "__class__", "__init__", "_link", "close", "__dict__"]
ODD += ["__getattr__", "_ipython_display_", "_repr_html_", "__doc__", "__del__", "__slots__"]


def test_odd_names_replace_nothing_and_are_reached_by_brackets():
    link = Echo(Description.of("odd", [Attribute(name, Type.INT) for name in ODD]))
    robot = device_over(link)
    assert type(robot) is not int
    assert robot.__class__.__name__ == "odd"
    assert callable(robot.close)
    assert robot.devinfo["devicename"] == "odd"
    assert link_of(robot) is link
    assert repr(robot).startswith("<odd on echo:, connected")
    assert not hasattr(robot, "_repr_html_")
    assert link.asked == []
    for name in ODD:
        assert robot[name] == 1
        robot[name] = 5
    assert link.asked == [x for name in ODD for x in (("get", name), ("set", name, 5))]


def test_odd_functions_replace_nothing_and_are_called_by_brackets():
    link = Echo(Description.of("odd", functions=[Function(name) for name in ODD]))
    robot = device_over(link)
    for name in ODD:
        robot[name]()
    robot.close()
    assert link.asked == [("call", name) for name in ODD]
    assert link.closed


@pytest.mark.parametrize("name", ["class", "a-b", "None"])
def test_a_name_that_python_cant_bear_says_how_it_is_reached(name):
    robot = device_over(Echo(Description.of("odd", [Attribute(name, Type.INT)])))
    for attempt in (lambda: getattr(robot, name), lambda: setattr(robot, name, 1)):
        with pytest.raises(AttributeError, match="write odd\\['" + name):
            attempt()


def test_every_keyword_is_reached_by_brackets():
    link = Echo(Description.of("odd", [Attribute(name, Type.INT) for name in keyword.kwlist]))
    assert [device_over(link)[name] for name in keyword.kwlist] == [1] * len(keyword.kwlist)


def test_five_hundred_names_are_five_hundred_properties():
    names = [f"value_{i}" for i in range(500)]
    link = Echo(Description.of("many", [Attribute(name, Type.INT, "x" * 10_000) for name in names]))
    robot = device_over(link)
    assert set(names) <= set(dir(robot))
    assert robot.value_499 == 1
    assert robot.value_499.__doc__ == "x" * 10_000


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,12}", fullmatch=True)
ARGUMENT_NAMES = st.sampled_from(["self", "class", "²", "ﬁ", "", "a-b", "1", "a"]) | st.text()


@given(st.lists(NAMES), st.lists(st.tuples(NAMES, st.lists(ARGUMENT_NAMES, max_size=4))))
def test_any_description_makes_an_object_with_signatures(attributes, functions):
    known = Description.of(
        "any",
        [Attribute(name, Type.STR) for name in attributes],
        [Function(n, tuple(Argument(a, Type.INT) for a in args)) for n, args in functions],
    )
    robot = device_over(Echo(known))
    assert isinstance(robot, Device)
    for name in known.functions:
        taken = inspect.signature(robot[name]).parameters
        assert len(taken) == len(known.functions[name].args)
        robot[name](*range(len(taken)))


# Looking


def test_the_signature_is_the_devices(probe):
    assert str(inspect.signature(probe.robot.add)) == "(a: int, b: int) -> int"
    assert str(inspect.signature(probe.robot.stop)) == "() -> None"
    assert str(inspect.signature(probe.robot.echo)) == "(text: str) -> str"
    assert probe.robot.add.__name__ == "add"
    assert probe.robot.add.__doc__ == "Add two numbers"
    assert inspect.getdoc(type(probe.robot).speed) == "How fast [0..255]"


LOOKS = {
    "repr": repr,
    "str": str,
    "dir": dir,
    "help": pydoc.render_doc,
    "help of a function": lambda robot: pydoc.render_doc(robot.turn),
    "help of an attribute": lambda robot: pydoc.render_doc(type(robot).speed),
    "signature": lambda robot: inspect.signature(robot.turn),
    "devinfo": lambda robot: robot.devinfo,
    "doc": lambda robot: robot.__doc__,
    "truth": bool,
    "hash": hash,
    "equality": lambda robot: robot == 1,
    "inspect": lambda robot: [inspect.isroutine(robot), inspect.getmembers_static(robot)],
    "hasattr": lambda robot: hasattr(robot, "nothing"),
    "method": lambda robot: repr(robot.turn),
    "vars": vars,
    "callable": callable,
    "gc": lambda robot: gc.get_referents(robot),
    "format": lambda robot: f"{robot!r} {robot}",
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_looking_sends_nothing(probe, look):
    sent = len(probe.line.sent)
    look(probe.robot)
    assert len(probe.line.sent) == sent


def test_a_function_without_brackets_shows_how_to_call_it(probe):
    assert repr(probe.robot.add).startswith(
        "<bound method add (not called: for that, write add(a, b)) of <probe on "
    )
    with pytest.raises(iotkit.ReadOnly, match=r"call it, as in probe\.add\(a, b\)$"):
        probe.robot.add = 5


@pytest.fixture
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell(config=config)


@pytest.mark.parametrize("jedi", [True, False])
def test_tab_shows_what_there_is_and_sends_nothing(probe, shell, jedi):
    shell.user_ns["robot"] = probe.robot
    shell.Completer.use_jedi = jedi
    sent = len(probe.line.sent)

    def tab(text):
        with provisionalcompleter():
            return {c.text.lstrip(".") for c in shell.Completer.completions(text, len(text))}

    assert set(dir(probe.robot)) <= tab("robot.")
    assert tab("robot.sp") == {"speed"}
    assert {"speed", "turn"} <= tab("robot['")
    tab("robot.speed.")
    tab("robot.turn(")
    tab("robot.echo('x').")
    tab("for x in robot.")
    assert len(probe.line.sent) == sent


@pytest.mark.parametrize("name", ["robot", "robot.speed", "robot.turn", "robot.nothing"])
def test_a_question_mark_shows_the_devices_help_and_sends_nothing(probe, shell, name, capsys):
    shell.user_ns["robot"] = probe.robot
    sent = len(probe.line.sent)
    for magic in ("pinfo", "pinfo2", "pdoc"):
        shell.run_line_magic(magic, name)
    assert len(probe.line.sent) == sent
    wanted = {"robot.speed": "How fast [0..255]", "robot.turn": "Turn around [ms 0..5000 ms]"}
    assert wanted.get(name, "") in capsys.readouterr().out


def test_showing_the_object_in_a_notebook_sends_nothing(probe, shell):
    sent = len(probe.line.sent)
    shown, _ = shell.display_formatter.format(probe.robot)
    assert shown == {"text/plain": repr(probe.robot)}
    assert len(probe.line.sent) == sent


def test_help_shows_the_device_and_no_machinery(probe):
    text = pydoc.render_doc(probe.robot, renderer=pydoc.plaintext)
    for wanted in (
        "How fast [0..255]",
        "turn(self, ms: int) -> None",
        "Turn around",
        "close(self)",
    ):
        assert wanted in text
    assert "__" not in text
    assert "link" not in text.lower()


def test_dir_lists_names_that_can_be_written_after_a_dot(probe):
    assert dir(probe.robot) == sorted([*OWN, *Probe._description.attributes, *FUNCTIONS])


def test_the_class_is_the_devices_own(probe, tiny):
    assert type(probe.robot).__name__ == "probe"
    assert isinstance(type(probe.robot).speed, property)
    assert type(probe.robot) is not type(tiny)
    assert not hasattr(type(tiny), "speed")


def test_the_repr_is_short_of_values_and_works_closed(probe):
    assert repr(probe.robot).startswith("<probe on memory, connected: speed, ratio,")
    assert "turn()" in repr(probe.robot)
    probe.robot.close()
    assert repr(probe.robot).startswith("<probe on memory, closed: speed, ratio,")


# Keeping and leaving


@pytest.mark.parametrize(
    "attempt", [copy.copy, copy.deepcopy, pickle.dumps, lambda x: copy.copy([x][0])]
)
def test_a_device_cant_be_copied_or_pickled_and_says_so(probe, attempt):
    sent = len(probe.line.sent)
    with pytest.raises(TypeError, match=r"^probe can't be copied or saved: connect to it again$"):
        attempt(probe.robot)
    assert len(probe.line.sent) == sent


def test_an_object_without_a_link_asks_for_nothing_and_ends():
    bare = Device.__new__(Device)
    assert not hasattr(bare, "__setstate__")
    assert not hasattr(bare, "_link")


def test_a_closed_device_says_so(probe):
    probe.robot.close()
    probe.robot.close()
    for use in (lambda: probe.robot.speed, lambda: probe.robot.turn(1)):
        with pytest.raises(ConnectionError, match=r"^memory is closed$"):
            use()
    with pytest.raises(iotkit.DeviceDisconnected):
        probe.robot.speed = 1
    assert probe.robot.devinfo["devicename"] == "probe"


def test_errors_of_a_closed_device_dont_pile_up(probe):
    probe.robot.close()
    depths = []
    for _ in range(3):
        with pytest.raises(iotkit.DeviceDisconnected) as caught:
            _ = probe.robot.speed
        depths.append(len(caught.traceback))
    assert depths[0] == depths[2]


def test_a_with_block_closes(probe):
    with probe.robot as robot:
        assert robot.speed == 80
    assert link_of(robot).closed


def test_a_with_block_closes_after_an_error(probe):
    with pytest.raises(ZeroDivisionError), probe.robot:
        _ = 1 / 0
    assert link_of(probe.robot).closed


def test_close_ends_what_waits():
    with boarded({"go": None}) as (robot, board):
        ended = []

        def go():
            try:
                robot.go()
            except iotkit.DeviceDisconnected as error:
                ended.append(error)

        waiting = threading.Thread(target=go)
        waiting.start()
        board.wait_for("go")
        robot.close()
        waiting.join(SOON)
        assert [str(error) for error in ended] == ["board is closed; the call may have run"]


# In this process, without a line


def test_a_device_in_this_process_has_the_same_object():
    device = Probe()
    with device_over(LocalLink(Hosted(device), "here")) as robot:
        assert robot.speed == 80
        robot.speed = 100
        assert device.speed == 100
        assert robot.add(1, 2) == 3
        assert repr(robot).startswith("<probe on here, connected")
        assert type(robot).__doc__ == "One of each."


# The original's README, as facts


def _function(name, help_, args=(), result=()):
    spec = {"args": [list(a) for a in args], "result": [list(r) for r in result]}
    return {
        "help": help_,
        "href": f"/{name}",
        "type": "iotoy.org/types/function",
        "value": {"name": name, "spec": spec},
    }


DEVINFO = {
    "attrs": {
        "drive_forward_time_ms": {
            "help": "How long to move forward",
            "href": "/drive_forward_time_ms",
            "type": "int",
        },
        "ratio": {"help": "Sample float attribute", "href": "/ratio", "type": "float"},
        "some_flag": {"help": "Sample bool attribute", "href": "/some_flag", "type": "bool"},
        "str_id": {"help": "Sample str attribute", "href": "/str_id", "type": "str"},
        "turn_time_ms": {"help": "How long to turn", "href": "/turn_time_ms", "type": "int"},
    },
    "devicename": "testhosttiny",
    "funcs": {
        f["value"]["name"]: f
        for f in [
            _function("barecommand", "test, basic command, no arg/result"),
            _function("no_arg_result_T", "test, one arg, generic type", (), [("result", "T")]),
            _function("no_arg_result_bool", "test, one arg, boolean", (), [("result", "bool")]),
            _function("no_arg_result_float", "test, one arg, float", (), [("result", "float")]),
            _function("no_arg_result_int", "test, one arg, integer", (), [("result", "int")]),
            _function("no_arg_result_str", "test, one arg, string", (), [("result", "str")]),
            _function("one_arg_T", "test, one arg, generic type", [("attr", "T")]),
            _function("one_arg_bool", "test, one arg, boolean", [("myarg", "bool")]),
            _function("one_arg_float", "test, one arg, float", [("myarg", "float")]),
            _function("one_arg_int", "test, one arg, integer", [("myarg", "int")]),
            _function(
                "one_arg_int_result_int",
                "test, one arg, one result, both ints",
                [("myarg", "int")],
                [("result", "int")],
            ),
            _function("one_arg_str", "test, one arg, string", [("myarg", "str")]),
        ]
    },
}


def test_devinfo_is_the_one_in_the_originals_readme(tiny):
    assert tiny.devinfo == DEVINFO


def test_devinfo_is_the_readers_own_copy(tiny):
    tiny.devinfo["attrs"].clear()
    assert tiny.devinfo == DEVINFO


def test_a_device_tells_what_it_has_and_is_no_list(probe):
    sent = len(probe.line.sent)
    assert "speed" in probe.robot
    assert "turn" in probe.robot
    assert "sped" not in probe.robot
    with pytest.raises(TypeError, match="not iterable"):
        list(probe.robot)
    assert len(probe.line.sent) == sent
