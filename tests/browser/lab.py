"""A private JupyterLab, and a page of it in a headless Chromium, to be driven by tests."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kernels
import nbformat
from playwright.sync_api import Locator, Page, Playwright
from playwright.sync_api import TimeoutError as NotInTime

# Seconds; half of what a test may take, so that what failed is said before the test is cut off.
START_LIMIT = 30.0
OPEN_LIMIT = 30.0
ROOT = Path(__file__).parents[2]
LOG = "lab.log"  # in the lab's folder: what JupyterLab and its kernels say

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
)

_OPENED = """(name) => {
    const widget = window.jupyterapp.shell.currentWidget;
    const session = widget?.sessionContext;
    const kernel = session?.session?.kernel;
    return widget?.context?.path === name && widget.context.isReady && session.isReady
        && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
_SEEN = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    const session = widget?.sessionContext;
    const kernel = session?.session?.kernel;
    await window.jupyterapp.serviceManager.kernels.refreshRunning();
    return JSON.stringify({
        current: widget?.context?.path,
        contextReady: widget?.context?.isReady,
        sessionReady: session?.isReady,
        sessionName: session?.name,
        display: session?.kernelDisplayStatus,
        kernel: kernel && [kernel.name, kernel.id, kernel.status, kernel.connectionStatus],
        pending: kernel?.hasPendingInput,
        dialog: document.querySelector(".jp-Dialog")?.innerText,
        running: Array.from(window.jupyterapp.serviceManager.kernels.running()),
    }, null, 1);
}"""
_EXECUTE = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code, store_history: false });
    let text = "";
    future.onIOPub = ({ header, content }) => {
        if (header.msg_type === "stream") text += content.text;
        if (header.msg_type === "execute_result") text += content.data["text/plain"];
        if (header.msg_type === "error") text += `${content.ename}: ${content.evalue}`;
    };
    await future.done;
    return text;
}"""
_CLOSE = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.sessionContext.shutdown();
    widget.context.model.dirty = false;
    widget.close();
}"""


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a JupyterLab of its own, with its files and settings in `folder`; give its URL."""
    token, port = secrets.token_hex(8), _free_port()
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    kernels.describe(folder / "data")
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    log = folder / LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
                *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
                *("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"),
                *("--LabApp.extension_manager=readonly", "--ServerApp.terminals_enabled=False"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            _wait_for_server(process, f"http://127.0.0.1:{port}/api/status?token={token}", log)
            yield f"http://127.0.0.1:{port}/lab?token={token}"
        finally:
            process.send_signal(signal.SIGTERM)  # which ends the kernels too
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def browser_page(playwright: Playwright, *flags: str) -> Iterator[Page]:
    """Run Debian's Chromium without a window; give a page in it."""
    chromium = shutil.which("chromium")
    browser = playwright.chromium.launch(
        executable_path=chromium, args=[*FLAGS, *flags], headless=True
    )
    try:
        yield browser.new_page(viewport={"width": 1280, "height": 900})
    finally:
        browser.close()


class Lab:
    """JupyterLab on `page`; notebooks are written to `folder` and opened there."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self.folder = page, folder
        self._url = url

    def load(self, path: str = "") -> None:
        """Load or reload the page."""
        base, _, query = self._url.partition("?")
        self.page.goto(f"{base}{path}?{query}" if path else f"{self._url}&reset")
        self.page.wait_for_function("() => window.jupyterapp?.shell", timeout=START_LIMIT * 1000)
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")

    def theme(self, name: str) -> None:
        """Change to the theme of that name."""
        self.command("apputils:change-theme", {"theme": name})
        self.page.wait_for_function("(n) => document.body.dataset.jpThemeName === n", arg=name)

    def open(
        self,
        *cells: str,
        name: str = "",
        outputs: list[Any] | None = None,
        kernel: str = "python3",
    ) -> str:
        """Open a new notebook of these cells (whose first has `outputs`); return its name."""
        name = name or f"test-{secrets.token_hex(4)}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        if outputs:
            notebook.cells[0].outputs = outputs
        nbformat.write(notebook, self.folder / name)
        self.reopen(name)
        return name

    def reopen(self, name: str) -> None:
        """Open a notebook that is there, and wait for its kernel."""
        self.command("docmanager:open", {"path": name, "factory": "Notebook"})
        # The toolbar says "idle" before there is a kernel; cells run then ask for one.
        try:
            self.page.wait_for_function(_OPENED, arg=name, timeout=OPEN_LIMIT * 1000)
        except NotInTime:
            raise AssertionError(f"the kernel of {name} is not ready:\n{self._seen()}") from None

    def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        """Run one of JupyterLab's commands, and wait for its end."""
        self.page.evaluate(
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }",
            [name, args or {}],
        )

    def run_all(self) -> None:
        """Run all cells, and wait for the last one's end."""
        self.command("notebook:run-all-cells")

    def start_all(self) -> None:
        """Start to run all cells."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def execute(self, code: str) -> str:
        """Run code in the notebook's kernel, outside any cell; return what it says."""
        return str(self.page.evaluate(_EXECUTE, code))

    def until(self, expression: str, wanted: str, timeout: float = 5.0) -> None:
        """Wait until the kernel gives `wanted` for `expression`.

        What the browser sends is neither in order with what is executed, nor all of it sent.
        """
        self._poll(lambda: self.execute(expression), wanted, timeout, expression)

    def see(self, script: str, wanted: Any, timeout: float = 5.0) -> None:
        """Wait until the page gives `wanted` for `script`."""
        self._poll(lambda: self.page.evaluate(script), wanted, timeout, script)

    def _seen(self) -> str:
        """Return what the page knows of its notebook and kernels, and what JupyterLab has said."""
        log = (self.folder / LOG).read_text(errors="replace")
        return f"{self.page.evaluate(_SEEN)}\n{log[-2000:]}"

    def _poll(self, ask: Callable[[], Any], wanted: Any, timeout: float, what: str) -> None:
        end = time.monotonic() + timeout
        while (got := ask()) != wanted:
            assert time.monotonic() < end, f"{what} is {got!r}, not {wanted!r}"
            self.page.wait_for_timeout(20)

    def panel(self, nth: int = 0) -> Locator:
        """Return the nth panel on the page."""
        return self.page.locator(".iotkit-panel").nth(nth)

    def close(self) -> None:
        """Shut the kernel down and close the notebook, without a question about saving."""
        self.page.evaluate(_CLOSE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_server(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_LIMIT
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}") from None
            time.sleep(0.1)
