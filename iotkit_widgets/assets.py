"""The browser's side of the widgets: plain JavaScript modules and CSS, in static/."""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parent / "static"
STYLE = STATIC / "iotkit.css"

_IMPORT = re.compile(r'^import [^;]* from "\./[a-z]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default\b)", re.MULTILINE)


def joined(*names: str) -> str:
    """Return the modules of these names in static/ as the text of one.

    anywidget takes a single module for a widget. Each of them may import from those before it,
    by an `import { … } from "./name.js";`, and no two may define the same name.
    """
    texts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)
