# SPDX-License-Identifier: GPL-3.0-or-later
"""The dislac command, from its first moment on."""

import gc
import signal

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C ends it without a word even while its modules are loaded."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    from .cli import main as run

    # Nothing of what has been loaded is garbage, now or when the process ends.
    gc.freeze()
    gc.enable()
    run(prog_name="dislac")


if __name__ == "__main__":
    main()
