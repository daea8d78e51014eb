# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the dislac command on hostile input in children of its own, and says what went wrong.

The command is imported once and every run is a fork of this process: a run costs tens of
milliseconds instead of a second, and a crash, a hang or a swollen memory takes only the child
along.
"""

import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LONGEST", "Outcome", "run", "run_command"]

MOST_MEMORY = 1 << 30
"""Bytes of resident memory from which a run counts as a fault."""

LONGEST = 10.0
"""Seconds of wall time from which a run counts as hung, and is ended."""

_ADDRESS_SPACE = 8 << 30  # well above what the libraries map: a bomb fails instead of swapping


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes
    ----------
    status
        Exit status, or minus the number of the signal that ended it.
    output
        Standard output and standard error, in one.
    seconds
        Wall time of the run, s.
    memory
        Largest resident memory of the run beyond that of this process at its beginning, bytes.
    """

    status: int
    output: str
    seconds: float
    memory: int

    @property
    def fault(self) -> str | None:
        """A word for what must not happen whatever the input; None where all is well."""
        if self.seconds >= LONGEST:
            return "hang"
        if self.status < 0:
            return f"ended by {signal.Signals(-self.status).name}"
        if self.memory > MOST_MEMORY:
            return f"memory of {self.memory / 1e6:.0f} MB"
        output = self.output.replace("found unexpected", "")  # YAML's word for what it finds
        for word in "Traceback (most recent call last)", "unexpected", "Segmentation":
            if word in output:
                return word
        return None


def run(function: Callable[[], object], *, longest: float = LONGEST) -> Outcome:
    """Run a function in a forked child.

    Parameters
    ----------
    function
        Called without arguments; what it prints is caught. SystemExit gives the status, any other
        exception a traceback and status 1.
    longest
        Seconds after which the child is killed.
    """
    with tempfile.TemporaryFile() as file:
        start, before = time.monotonic(), _resident()
        child = os.fork()
        if child == 0:
            _inside(function, file.fileno())
        while True:
            done, status, usage = os.wait4(child, os.WNOHANG)
            seconds = time.monotonic() - start
            if done:
                break
            if seconds > longest:
                os.kill(child, signal.SIGKILL)
                _, status, usage = os.wait4(child, 0)
                seconds = max(seconds, LONGEST)
                break
            time.sleep(0.002)
        file.seek(0)
        output = file.read(1 << 20).decode(errors="replace")
    memory = max(1024 * usage.ru_maxrss - before, 0)
    return Outcome(os.waitstatus_to_exitcode(status), output, seconds, memory)


def _resident() -> int:
    """Resident memory of this process [bytes], which children begin with."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def run_command(arguments: Sequence[str], *, folder: Path, longest: float = LONGEST) -> Outcome:
    """Run `dislac` with arguments, in a folder."""
    from gnuradio.dislac.cli import main

    def call() -> None:
        os.chdir(folder)
        main(list(arguments), prog_name="dislac")

    return run(call, longest=longest)


def _inside(function: Callable[[], object], output: int) -> None:
    """Run the function in the child, which ends here."""
    status = 1
    try:
        empty = os.open(os.devnull, os.O_RDONLY)
        for source, target in (empty, 0), (output, 1), (output, 2):
            os.dup2(source, target)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        # Whoever forks may be a test runner that has put files of its own in their place.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        try:
            function()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0xFF)
