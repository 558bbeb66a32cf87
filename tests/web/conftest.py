"""What the tests of the gateway share."""

from __future__ import annotations

import pytest


@pytest.fixture
def sockets(tmp_path):
    """Sockets that boards are plugged into; what is in them at the end is pulled out."""
    from plugging import Sockets  # not where there are no pseudo terminals

    (tmp_path / "dev").mkdir()
    sockets = Sockets(tmp_path / "dev")
    yield sockets
    sockets.close()
