"""A short code, shown where a device is served, gets its token once; guessing it doesn't work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_devices import Probe
from web_servers import Scripted, http_reply
from web_tools import ask, ask_json

import iotkit
from iotkit import NotAllowed, discovery
from iotkit.device import device_over
from iotkit.discovery import Found
from iotkit.errors import DeviceClaimed, DeviceError, ProtocolError
from iotkit.links import tokens
from iotkit.links.channel import open_channel
from iotkit.links.serial import SerialLink
from iotkit.server import gate, pairing
from iotkit.server.messages import Refused
from iotkit.server.pairing import Pairing, the_pairing
from iotkit.server.service import Service, serve

TOKEN = "a-token-of-32-characters-for-you"
WRONG = "0000-0000"


@pytest.fixture(autouse=True)
def _a_fresh_code() -> Iterator[None]:
    the_pairing.__init__()  # type: ignore[misc]
    yield
    the_pairing.__init__()  # type: ignore[misc]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another user, who has paired with nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def locked(**options: object) -> Service:
    return serve(Probe(), announce=False, token=TOKEN, **options)  # type: ignore[arg-type]


def refused(code: Pairing, typed: str) -> int:
    with pytest.raises(Refused) as caught:
        code.redeem(typed)
    return caught.value.status


def test_the_code_lets_in_for_good(here: Path, tmp_path: Path, monkeypatch) -> None:
    with locked() as service:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        with pytest.raises(NotAllowed):
            iotkit.connect(service.url)
        iotkit.pair(service.url, service.code)
        with iotkit.connect(service.url) as probe:
            assert probe.speed == 80


@pytest.mark.parametrize("typing", [str.lower, lambda code: code.replace("-", " "), str.strip])
def test_a_code_may_be_typed_as_people_do(typing) -> None:
    with locked() as service:
        iotkit.pair(service.url, typing(service.code))


def test_a_whole_class_may_use_one_code() -> None:
    with locked() as service:
        for _ in range(30):
            iotkit.pair(service.url, service.code)


def test_a_wrong_code_gets_nothing(here: Path) -> None:
    with locked() as service:
        assert service.code
        for wrong in ("", WRONG, service.code[:-1], "ä" * 8):
            with pytest.raises(NotAllowed, match="not the code"):
                iotkit.pair(service.url, wrong)
        for given in ({"code": 5}, {}, [], "x"):
            assert ask_json(service.port, "POST", "/-/pair", given).status in (403, 429)


def test_without_a_code_that_was_shown_nothing_is_right(here: Path) -> None:
    with locked() as service:
        for code in ("", WRONG):
            with pytest.raises(NotAllowed, match="ask for a new one"):
                iotkit.pair(service.url, code)


def test_after_some_wrong_tries_there_is_a_new_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PAUSE", 0.0)
    code, told = Pairing(), []
    code.tell(told.append)
    first = code.code()
    assert [refused(code, WRONG) for _ in range(pairing.MAX_WRONG)] == [403] * pairing.MAX_WRONG
    assert told == [code.code()] != [first]
    assert refused(code, first) == 403
    code.redeem(told[0])


def test_where_nobody_is_told_a_used_up_code_is_not_replaced(monkeypatch) -> None:
    monkeypatch.setattr(gate, "PAUSE", 0.0)
    code = Pairing()
    first = code.code()
    for _ in range(pairing.MAX_WRONG):
        refused(code, WRONG)
    assert refused(code, first) == 403
    assert refused(code, "") == 403
    code.redeem(code.code())


def test_guessing_a_code_is_slowed_down_from_wherever_it_comes() -> None:
    code = Pairing()
    code.code()
    assert [refused(code, WRONG) for _ in range(pairing.MAX_WRONG)] == [403] * pairing.MAX_WRONG
    code.code()
    assert refused(code, WRONG) == 429


def test_a_code_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    code = Pairing()
    first = code.code()
    later = time.monotonic() + pairing.LIFETIME + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert refused(code, first) == 403
    assert code.code() != first


def test_codes_differ_and_are_easy_to_read() -> None:
    codes = {Pairing().code() for _ in range(200)}
    assert len(codes) == 200
    assert not set("".join(codes)) & set("01AEIOUYLS")


def test_who_lets_everybody_in_needs_no_pairing() -> None:
    with serve(Probe(), announce=False) as service:
        assert service.code == ""
        with pytest.raises(DeviceError, match="no need to pair"):
            iotkit.pair(service.url, WRONG)


@pytest.mark.parametrize(
    "given", [{}, [], {"id": "x", "token": 5}, {"id": 1, "token": TOKEN}, b"<html>"]
)
def test_what_is_no_token_is_not_kept(given: object, here: Path) -> None:
    with Scripted({"POST /-/pair": http_reply(given)}) as server, pytest.raises(ProtocolError):
        iotkit.pair(server.url, "x")
    assert not list(here.rglob("*.json"))


def test_a_token_that_could_smuggle_a_header_is_not_kept(here: Path) -> None:
    given = {"id": "x", "token": "x" * 20 + "\r\nX: y"}
    with Scripted({"POST /-/pair": http_reply(given)}) as server, pytest.raises(ValueError):
        iotkit.pair(server.url, "x")
    assert tokens.kept("x") == ""


def test_pairing_with_one_is_pairing_with_all_that_the_same_program_serves(
    here: Path, tmp_path: Path, monkeypatch
) -> None:
    with locked() as first, locked() as second:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        assert iotkit.pair(first.url, first.code) == 1
        for service in (first, second):
            with iotkit.connect(service.url) as probe:
                assert probe.speed == 80
        assert iotkit.pair(second.url, second.code) == 0  # nothing new
        second.close()
        first_alone = ask_json(first.port, "POST", "/-/pair", {"code": first.code}).json
        assert first_alone["others"] == []


def test_what_is_known_of_a_device_of_another_server_stays(here: Path) -> None:
    tokens.keep("known", TOKEN, "ab" * 32)
    others = [
        {"id": "known", "token": "x" * 20},
        {"id": "new", "token": "y" * 20},
        {"id": "odd", "token": "z"},
        {"id": "", "token": "y" * 20},
        {"id": "x", "token": 7},
        "new",
    ]
    given = {"id": "toy", "token": TOKEN, "others": others}
    with Scripted({"POST /-/pair": http_reply(given)}) as server:
        assert iotkit.pair(server.url, "x") == 1
    assert [tokens.kept(one) for one in ("known", "new", "odd")] == [TOKEN, "y" * 20, ""]


def test_the_token_of_another_device_than_was_found_is_not_kept(here: Path, monkeypatch) -> None:
    with Scripted({"POST /-/pair": http_reply({"id": "other", "token": TOKEN})}) as server:
        found = Found("toy", "toy", server.url, "toy")
        monkeypatch.setattr(discovery, "wait_for", lambda *_: found)
        with pytest.raises(NotAllowed, match="another device"):
            iotkit.pair("toy", "x")
    assert tokens.kept("other") == ""


def test_by_name_on_the_network_which_says_that_a_token_is_needed(
    here: Path, tmp_path: Path, monkeypatch, unique_name: str
) -> None:
    device = type("Locked", (Probe,), {}, id=unique_name)()  # type: ignore[call-arg]
    with serve(device, token=TOKEN) as service:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        with pytest.raises(NotAllowed, match=f"type iotkit pair {unique_name} in a terminal"):
            iotkit.find(unique_name)
        iotkit.pair(unique_name, service.code)
        with iotkit.find(unique_name) as probe:
            assert probe.speed == 80
        info = next(iter(i for n, i in discovery.the_browser()._infos.items() if unique_name in n))
        assert info.properties[b"auth"] == b"token"


# For teachers


def test_the_teachers_code_gives_a_teacher_what_takes_the_device_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def user(name: str) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))

    user("server")
    with locked(teacher=True) as service:
        user("pupil")
        iotkit.pair(service.url, service.code)
        user("teacher")
        assert service.teachers_code != service.code
        iotkit.pair(service.url, service.teachers_code)
        with iotkit.connect(service.url) as teachers:
            user("pupil")
            transport = open_channel(service.url)
            assert transport is not None
            with (
                device_over(SerialLink(transport)) as pupils,
                pupils.claim(who="a pupil"),
                teachers.claim(who="the teacher", take=True),
            ):
                teachers.speed = 5
                with pytest.raises(DeviceClaimed, match="the teacher has claimed"):
                    pupils.speed = 6
                with pytest.raises(NotAllowed, match="only a teacher may take probe"):
                    pupils.claim(take=True)
                with pytest.raises(DeviceClaimed):
                    pupils.claim()
        user("server")
        with iotkit.connect(service.url) as owners, owners.claim(take=True):
            owners.speed = 7  # who serves it is a teacher


def test_a_teachers_token_outlasts_a_restart_and_is_never_the_one_of_all(here: Path) -> None:
    identity = "probe:kept"
    first = tokens.made(identity)
    teachers = tokens.made_for_teachers(identity)
    assert tokens.made(identity) == tokens.kept(identity) == first != teachers
    assert tokens.made_for_teachers(identity) == tokens.teachers(identity) == teachers
    tokens.keep(identity, first)
    assert tokens.teachers(identity) == teachers
    tokens.keep(identity, TOKEN)  # another server has that name now
    assert tokens.teachers(identity) == ""


def test_without_a_teacher_no_token_is_a_teachers(here: Path) -> None:
    with locked() as service:
        assert service.teachers_code == ""
        value = ask_json(service.port, "POST", "/-/pair", {"code": service.code}).json
        assert set(value) == {"id", "token", "others"}
        for given in ("", "Bearer", "Bearer ", "Bearer x", f"Bearer {TOKEN}"):
            reply = ask(service.port, "POST", "/-/claim", '{"take": true}', Authorization=given)
            assert reply.status in ((403, 429) if given.endswith(TOKEN) else (401, 429))


def test_wrong_codes_use_up_the_teachers_code_too() -> None:
    codes, told = Pairing(), list[str]()
    before = codes.code(), codes.code(teacher=True)
    codes.tell(told.append)
    codes.tell(told.append, teacher=True)
    for _ in range(pairing.MAX_WRONG):
        assert refused(codes, WRONG) == 403
    assert [codes.code(), codes.code(teacher=True)] == told
    assert not set(told) & set(before)
    codes._tries._until.clear()  # the time has passed
    assert codes.redeem(told[1])
    assert not codes.redeem(told[0])
