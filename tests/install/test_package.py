"""What is built and installed is complete, and works where nothing else is."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from environment import ROOT, Environment, assert_opens_the_first_notebook

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]


def files(folder: str, pattern: str = "*") -> set[str]:
    """Return the project's files under `folder`, without what Python has made there."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob(pattern) if path.is_file())
    unwanted = {"__pycache__", ".ipynb_checkpoints", "node_modules"}
    return {path.as_posix() for path in found if not unwanted & set(path.parts)}


def test_the_wheel_holds_both_packages_and_the_notebooks_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    notebooks = {f"iotkit/{name}" for name in files("notebooks")}
    assert names == files("iotkit") | files("iotkit_widgets") | notebooks
    assert licences == {"LICENSE", "NOTICE"}


def test_without_the_lab_extra_the_toolkit_works_and_says_what_the_lab_needs(
    wheel: Path, tmp_path: Path
) -> None:
    bare = Environment(tmp_path)
    bare.install(str(wheel))
    assert bare.run("iotkit", "get", "sim:testhosttiny", "drive_forward_time_ms") == "1500\n"
    program = "import iotkit; print(iotkit.connect('sim:testhosttiny').one_arg_int_result_int(42))"
    assert bare.run("python", "-c", program) == "42\n"
    with pytest.raises(AssertionError, match=r"ended with 1:\n.*iotkit\[lab\]"):
        bare.run("iotkit", "lab")


def test_make_lab_in_a_fresh_clone_opens_the_first_notebook(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in ("iotkit", "iotkit_widgets", "notebooks"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "hatch_build.py"):
        shutil.copy(ROOT / name, clone)
    newcomer = Environment(tmp_path / "nothing")
    with newcomer.start("make", "lab", cwd=clone) as make:
        assert_opens_the_first_notebook(make)
