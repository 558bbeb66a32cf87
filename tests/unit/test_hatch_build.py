"""What is fetched when the package is built, from a registry on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UPLOT = Path("iotkit_widgets", "static", "uplot")


@contextmanager
def registry(answer: bytes) -> Iterator[tuple[str, list[str]]]:
    """Run a registry that answers all with the same; give its URL, and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def build(
    clone: Path, url: str, variable: str = "npm_config_registry"
) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "hatch_build.py", clone)
    variables = {n: v for n, v in os.environ.items() if n.lower() != "npm_config_registry"}
    variables |= {variable: url, "no_proxy": "127.0.0.1"}
    program = [sys.executable, clone / "hatch_build.py"]
    return subprocess.run(program, env=variables, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("variable", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_it_asks_the_registry_of_npm_for_one_version(variable: str, tmp_path: Path) -> None:
    with registry(b"") as (url, asked):
        build(tmp_path, url, variable)
    assert asked == ["/uplot/-/uplot-1.6.32.tgz"]


def test_what_is_not_the_pinned_package_is_not_unpacked(tmp_path: Path) -> None:
    with registry(b"something else") as (url, _):
        done = build(tmp_path, url)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{url}/uplot/-/uplot-1.6.32.tgz is not the uPlot that iotkit was made with;"
        " nothing was built."
    )
    assert not (tmp_path / UPLOT).exists()


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with registry(b"") as (url, _):
        pass  # and now nobody is there any more
    done = build(tmp_path, url)
    assert done.returncode == 1
    assert done.stderr.startswith("iotkit's plots need uPlot, which could not be downloaded from")
    assert "go online, or set npm_config_registry" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT))
    import hatch_build

    sys.path.remove(str(ROOT))
    folder = tmp_path / UPLOT
    folder.mkdir(parents=True)
    for name in hatch_build.FILES:
        (folder / Path(name).name).write_text("there")
    (folder / "SOURCE").write_text(f"{hatch_build.PACKAGE} sha512-{hatch_build.SHA512}\n")
    with registry(b"") as (url, asked):
        assert build(tmp_path, url).returncode == 0
        (folder / "LICENSE").unlink()
        build(tmp_path, url)
    assert len(asked) == 1
