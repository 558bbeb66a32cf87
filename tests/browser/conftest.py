"""One private JupyterLab, and one page of it, for all tests in this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import kernels
import pytest
from lab import Lab, browser_page, server
from playwright.sync_api import Error, Playwright, sync_playwright

HERE = __file__.rpartition("/")[0]
WIDGETS = "blob:"  # where anywidget loads a widget's module from


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def the_lab(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with server(folder) as url, browser_page(playwright) as page:
        lab = Lab(page, url, folder)
        lab.load()
        yield lab


@pytest.fixture
def lab(the_lab: Lab) -> Iterator[Lab]:
    """JupyterLab in its light theme; the notebook that a test opens is closed after it.

    What a widget's JavaScript raises and nobody catches fails the test; JupyterLab's own doesn't.
    """
    errors: list[str] = []

    def note(error: Error) -> None:
        if WIDGETS in (error.stack or ""):
            errors.append(str(error))

    the_lab.page.on("pageerror", note)
    yield the_lab
    the_lab.close()
    the_lab.page.remove_listener("pageerror", note)
    assert not errors


@pytest.fixture(params=kernels.VERSIONS)
def kernel(request: pytest.FixtureRequest) -> str:
    """The name of a kernel, one version of ipykernel after the other."""
    version = request.param
    if version in kernels.missing():
        reason = f"ipykernel {version} is missing: python tests/browser/kernels.py"
        if os.environ.get("IOTKIT_REQUIRE") == "all":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return kernels.name(version)
