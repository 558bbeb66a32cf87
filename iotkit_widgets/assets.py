"""The browser's side of the widgets: plain JavaScript modules and CSS, in static/."""

from __future__ import annotations

import re
from pathlib import Path

from iotkit.errors import IotkitError

STATIC = Path(__file__).parent / "static"
STYLE = STATIC / "iotkit.css"
PLOT = ("dom", "talk", "look", "feed", "samples", "strip", "view", "saved", "plot")
UPLOT = STATIC / "uplot"  # which hatch_build.py makes

_IMPORT = re.compile(r'^import [^;]* from "\./[a-z]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default\b)", re.MULTILINE)


def joined(*names: str) -> str:
    """Return the modules of these names in static/ as the text of one.

    anywidget takes a single module for a widget. Each of them may import from those before it,
    by an `import { … } from "./name.js";`, and no two may define the same name.
    """
    texts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def plot_module() -> str:
    """Return the module of plots, with the library that draws them; raises IotkitError."""
    return f"{_uplot('uPlot.iife.min.js')}\n{joined(*PLOT)}"


def plot_style() -> str:
    """Return the CSS of plots; raises IotkitError."""
    own = [path.read_text(encoding="utf-8") for path in (STYLE, STATIC / "plot.css")]
    return "\n".join([_uplot("uPlot.min.css"), *own])


def _uplot(name: str) -> str:
    try:
        return (UPLOT / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise IotkitError(
            "plots need uPlot, which is fetched when iotkit is installed by pip;"
            " in a clone that isn't installed, run: python hatch_build.py"
        ) from None
