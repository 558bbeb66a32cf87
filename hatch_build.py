"""Put the JavaScript that others wrote where the widgets find it, when iotkit is built.

Hatchling calls this for each wheel, sdist and editable installation; by hand, in a clone that
isn't installed, it is `python hatch_build.py`. What is there already is not downloaded again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # by hand, without the build's own packages
    BuildHookInterface = object

PACKAGE = "uplot/-/uplot-1.6.32.tgz"
SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
FILES = ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")
FOLDER = Path(__file__).parent / "iotkit_widgets" / "static" / "uplot"
SOURCE = FOLDER / "SOURCE"  # says what the other files are from; written last
REGISTRY_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")  # npm takes both
TIMEOUT = 60  # seconds


class BuildHook(BuildHookInterface):  # type: ignore[misc]
    """What hatchling calls before it builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Get uPlot, or end the build with a sentence that says what to do."""
        get_uplot()


def get_uplot() -> None:
    """Put uPlot into FOLDER unless it is there; SystemExit where it can't be had."""
    source = f"{PACKAGE} sha512-{SHA512}\n"
    there = all((FOLDER / Path(name).name).is_file() for name in FILES)
    if there and SOURCE.is_file() and SOURCE.read_text() == source:
        return
    variables = (os.environ.get(name) for name in REGISTRY_VARIABLES)
    registry = next(filter(None, variables), "https://registry.npmjs.org")
    url = f"{registry.rstrip('/')}/{PACKAGE}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - builder's own
            packed = answer.read()
    except (OSError, HTTPException, ValueError) as error:
        raise SystemExit(
            f"iotkit's plots need uPlot, which could not be downloaded from {url} ({error}):"
            " go online, or set npm_config_registry to a registry within reach, and try again."
        ) from None
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise SystemExit(f"{url} is not the uPlot that iotkit was made with; nothing was built.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/{name}")
            assert member is not None
            (FOLDER / Path(name).name).write_bytes(member.read())
    SOURCE.write_text(source)


if __name__ == "__main__":
    get_uplot()
    print(f"uPlot is in {FOLDER}")
