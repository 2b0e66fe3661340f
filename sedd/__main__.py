"""Run the command `sedd`, also as `python -m sedd`."""

from __future__ import annotations

import atexit
import gc
import sys

from sedd.runtime.threads import let_threads_sleep


def main() -> None:
    """Run the command. Ctrl-C ends it with code 130 and one line, during its imports too."""
    let_threads_sleep()
    atexit.register(gc.freeze)  # else Python searches a million objects for garbage before it ends
    try:
        from sedd.cli import main as run

        run()
    except KeyboardInterrupt:
        print("sedd: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
