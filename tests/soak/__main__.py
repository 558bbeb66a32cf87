"""A gateway, its boards and who uses them, with faults at random: `python tests/soak`.

The gateway, each board and each user are processes of their own. In the end every action must have
run at most once, and exactly once where it was answered; every value must have been right; nobody
may wait; all must be there; and the gateway must not have grown.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["IOTKIT_INTERFACES"] = "127.0.0.1"


def main() -> int:
    """Run it, and return 0 if all went well."""
    from soak import Soak

    parser = argparse.ArgumentParser(description="Plug, pull and break boards for a while.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--boards", type=int, default=6)
    parser.add_argument("--pause", type=float, default=1.2, help="seconds between two faults")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iotkit-soak-") as folder:
        os.environ["XDG_CACHE_HOME"] = os.environ["XDG_STATE_HOME"] = folder
        soak = Soak(Path(folder), given.seed, given.boards, given.pause)
        try:
            wrong = soak.run(given.minutes * 60)
        finally:
            soak.close()
    for one in wrong:
        print(f"WRONG: {one}")
    print(f"{len(wrong)} things are wrong" if wrong else "all is well")
    return bool(wrong)


sys.exit(main())
