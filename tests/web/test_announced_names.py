"""Devices of one name, announced on one network, get names of their own."""

from __future__ import annotations

from contextlib import ExitStack

from program import started

from iotkit.description import Description
from iotkit.discovery import announce


def test_devices_announced_in_the_same_moment_get_names_of_their_own(unique_name: str) -> None:
    with ExitStack() as stack:
        announced = [announce(Description(unique_name), 1, identity=str(n)) for n in range(3)]
        for one in announced:
            stack.callback(one.close)
        names = {one.name for one in announced}
        assert len(names) == 3
        assert unique_name in names


def test_a_name_that_another_process_has_is_not_taken_again() -> None:
    with ExitStack() as stack:
        served = [stack.enter_context(started("serve", "sim:sumobot")) for _ in range(3)]
        assert len({device["name"] for (device,) in served}) == 3
