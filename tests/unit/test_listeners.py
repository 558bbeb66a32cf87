"""Who wants to be told of something that changes."""

from __future__ import annotations

import pytest

from iotkit.links.hold import Hold


def test_one_that_fails_keeps_no_other_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    hold, heard = Hold(), []

    def fails() -> None:
        raise RuntimeError("a listener's fault")

    ends = [hold.watch(fails), hold.watch(lambda: heard.append(hold.why))]
    hold.begin("stopped")
    assert heard == ["stopped"]
    assert "who listens to a hold failed" in caplog.messages
    for end in ends:
        end()
    hold.end()
    assert heard == ["stopped"]
