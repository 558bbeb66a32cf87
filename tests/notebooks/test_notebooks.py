"""Every notebook that a learner opens runs from top to bottom in a real kernel."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("**/*.ipynb"))
CELL_TIMEOUT = 45  # seconds


@pytest.fixture
def own_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the developer has set up in Jupyter and IPython out of the kernel."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a copy of the notebook at `path` in `folder`; return it with its outputs."""
    copy = shutil.copy(path, folder)
    notebook = nbformat.read(copy, as_version=4)
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, resources={"metadata": {"path": str(folder)}}
    )
    asyncio.run(client.async_execute())
    return notebook


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_error_or_warning(
    path: Path, tmp_path: Path, own_jupyter: None
) -> None:
    notebook = run(path, tmp_path)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    warnings = [out.text for out in outputs if out.get("name") == "stderr"]
    assert not warnings


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [cell.source for cell in code if cell.outputs or cell.execution_count]
