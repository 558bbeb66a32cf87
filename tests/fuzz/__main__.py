"""Look for bytes that break a target: `python tests/fuzz host -max_total_time=600`.

What follows the target's name is libFuzzer's. New entries are kept in a folder of their own, and
what breaks a target is written beside them: put it into the corpus, with a name that says what it
is, and mend the fault. Needs `pip install atheris`, which follows what code the bytes reach.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("Install atheris first, as `make fuzz` does. Without it: pytest tests/fuzz")

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

with atheris.instrument_imports(include=["iotkit"]):
    from fuzz.targets import TARGETS

if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
    sys.exit(f"Which target: {', '.join(TARGETS)}?")
target = sys.argv.pop(1)
found = Path(tempfile.gettempdir()) / f"iotkit-fuzz-{target}"
found.mkdir(exist_ok=True)
print(f"What is found is kept in {found}")
# Names that can't be used and overlong lines are logged; this would log little else.
logging.getLogger("iotkit").setLevel(logging.ERROR)
options = ["-timeout=5", "-rss_limit_mb=1024", f"-artifact_prefix={found}/", *sys.argv[1:]]
atheris.Setup([sys.argv[0], *options, str(found), str(HERE / "corpus" / target)], TARGETS[target])
atheris.Fuzz()
