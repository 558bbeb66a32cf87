"""`iotkit lab`: JupyterLab, on a learner's own copy of the notebooks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from ..errors import IotkitError
from .common import say

FIRST = "01-first-steps.ipynb"

_NEEDED = ("jupyterlab", "ipykernel", "ipywidgets", "anywidget")
_OPTIONS = (
    "--LabApp.news_url=None",
    f"--LabApp.default_url=/lab/tree/{FIRST}",  # so that the address it prints leads there too
)
# JupyterLab asks whether to fetch news even if it fetches none; this switches off the question.
_SETTINGS = Path(__file__).parent / "jupyter"
_NOT_SHIPPED = {".ipynb_checkpoints", "__pycache__"}


class _PassingOn(click.Command):
    """A command that leaves what stands behind `--` to another program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, passed = args, list[str]()
        if "--" in args:
            at = args.index("--")
            own, passed = args[:at], args[at + 1 :]
        rest = super().parse_args(ctx, own)
        ctx.params["passed"] = passed
        return rest


@click.command(cls=_PassingOn)
@click.argument(
    "folder", default="iotkit-notebooks", type=click.Path(file_okay=False, path_type=Path)
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
def lab(folder: Path, no_browser: bool, passed: list[str]) -> None:
    """Open the notebooks in JupyterLab.

    They are copied to FOLDER (iotkit-notebooks), where what is there already stays as it is.
    What stands behind -- is for JupyterLab: iotkit lab -- --port 9999
    """
    if not all(map(find_spec, _NEEDED)):
        raise IotkitError("JupyterLab is not installed: pip install 'iotkit[lab]'")
    try:
        own = copy_notebooks(_shipped(), folder)
        os.chdir(folder)
    except OSError as error:
        raise IotkitError(f"the notebooks can't be copied to {folder}: {error}") from error
    for name in own:
        say(f"{folder / name} is your own version and stays as it is.")
    command = [sys.executable, "-m", "jupyterlab", *_OPTIONS]
    command += ["--no-browser"] if no_browser else []
    command += passed
    paths = [str(_SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 - this very Python
    sys.exit(subprocess.call(command))


def copy_notebooks(source: Path, folder: Path) -> list[Path]:
    """Copy the files in `source` to `folder`, without touching what is there already.

    Returns those that were there with another content, as paths relative to `folder`. Raises
    OSError.
    """
    others = []
    for path in _files(source):
        content = (source / path).read_bytes()
        to = folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with to.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if to.read_bytes() != content:
                others.append(path)
    return others


def _files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if path.is_file() and not _NOT_SHIPPED.intersection(inside.parts):
            yield inside


def _shipped() -> Path:
    """Return where the notebooks are: in the installed package, or beside it in a clone."""
    package = Path(__file__).parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise IotkitError("this installation of iotkit has no notebooks: install it anew")
