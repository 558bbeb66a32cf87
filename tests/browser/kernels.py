"""The versions of ipykernel that the notebook is tested with, beside the one installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# The last before subshells; the last that handles a widget's messages beside a running cell by
# itself; the first since that doesn't again.
VERSIONS = ("6.31.0", "7.3.0", "7.4.0")
FOLDER = Path(sys.prefix) / "kernels"
NEEDS = {"6.31.0": ("nest_asyncio",)}  # what that version needs and the newest doesn't

# ipykernel 7.1 to 7.3 sends its replies behind the back of what reads the requests: one that comes
# at that moment is never read, nor any after it, and the notebook waits for ever (one opening in
# some hundreds). The tests are about other differences, so replies go the way they go in 7.4.
SEND_IN_TURN = (
    "setattr(__import__('ipykernel.subshell_manager').subshell_manager.SubshellManager,"
    " '_send_on_shell_channel', lambda _, reply, kernel=get_ipython().kernel:"
    " kernel.shell_stream.send_multipart(reply))"
)
OPTIONS = {"7.3.0": (f"--IPKernelApp.exec_lines={SEND_IN_TURN}",)}

ROOT = Path(__file__).parents[2]


def missing() -> list[str]:
    """Return the versions that are not there."""
    return [version for version in VERSIONS if not (FOLDER / version / "ipykernel").exists()]


def name(version: str) -> str:
    """Return the name by which Jupyter knows the kernel of that version."""
    return f"ipykernel-{version}"


def describe(data: Path) -> None:
    """Tell Jupyter, whose data folder is `data`, of the kernels that are there."""
    for version in set(VERSIONS) - set(missing()):
        paths = [FOLDER / version, ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        argv = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
        spec = {
            "argv": [*argv, *OPTIONS.get(version, ())],
            "display_name": f"ipykernel {version}",
            "language": "python",
            "env": {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        }
        folder = data / "kernels" / name(version)
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))


def main() -> None:
    """Install them, without what they share with the one that is installed."""
    for version in missing():
        packages = (f"ipykernel=={version}", *NEEDS.get(version, ()))
        options = ("--disable-pip-version-check", "--quiet", "--no-deps")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", *options),
                *("--target", str(FOLDER / version), *packages),
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
