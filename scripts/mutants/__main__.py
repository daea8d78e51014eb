# SPDX-License-Identifier: GPL-3.0-or-later
"""Score of the tests: how many of N random changes of the package they notice, room by room.

    python scripts/mutants [--seed S] [--count N] [--room ROOM] [--workers W] [--deadline SECONDS]

Each change (`changes.py`) is made in a copy of the checkout in a temporary folder, one for each
worker, never in the checkout: killed at any moment it leaves nothing changed. In three steps:

1. Each change alone against the tests of its own room, up to the first failure.
2. What they do not notice, against all other tests that can reach the changed module: a test file
   reaches a module when it imports it, directly or by way of what it imports (`reach.py`), and one
   that starts processes reaches all. Quick files come first (their seconds are kept in
   build/mutants/seconds.json). Several changes, each in another module, share a run. When a test
   fails, it is run against each of them alone; those that make it fail are noticed and leave, and
   the run goes on with the others from that file.
3. A failure counts only when the same test passes on the unchanged copy. One that does not is left
   out from there on, and named at the end. One that misses its deadline has to do so twice.

So each noticed change was noticed alone. One that survived a shared run might be hidden by another:
the score is, if anything, too low. A test that takes longer than the deadline has failed, too.
Nothing is compiled or calibrated once for several runs: the copy's build/ is emptied before each.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event

from changes import Change, apply_change, changes
from reach import own_tests, reaching_tests
from scipy.stats import binomtest

ENDED = Event()
"""Set when this script is to end."""

ROOT = Path(__file__).resolve().parents[2]
SHARED = 8
"""Changes that share a run."""

FAILED = r"^(?:FAILED|ERROR) (tests/\S+\.py(?:::.*?)?)(?: - .*)?$"
RUNNING = r"^(tests/\S+\.py::.*?) *(?:PASSED|SKIPPED|XFAIL|\+\+|~~|$)"
"""Lines of pytest's report: tests that failed, and any test."""

LEFT_OUT = ("tests/install/", "tests/benchmarks/")
"""Minutes each, for what other tests run, too."""


@dataclass
class Mutant:
    """A change of a module, and what became of it."""

    path: str
    change: Change
    noticed_by: str = ""
    seconds: float = 0.0

    @property
    def room(self) -> str:
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        return f"python/dislac/{self.path}:{self.change.line}: {self.change}"


@dataclass
class Copy:
    """A copy of the checkout, in which changes are made and tests run."""

    root: Path
    deadline: float
    clock: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def of_checkout(cls, root: Path, deadline: float) -> "Copy":
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            source, target = ROOT / name, root / name
            if name.startswith(".venv") or not (source.is_symlink() or source.is_file()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        return cls(root, deadline)

    def write(self, path: str, source: bytes) -> None:
        """A module with a time of its own: what was compiled of it before is never taken for it."""
        self.clock += 2
        target = self.root / "python" / "dislac" / path
        target.write_bytes(source)
        os.utime(target, (self.clock, self.clock))

    def run(self, tests: Iterable[str], mutants: Iterable[Mutant], unfit: Iterable[str]) -> "Run":
        """Tests up to the first failure, with some changes made."""
        originals = {}
        try:
            for mutant in mutants:
                source = (self.root / "python" / "dislac" / mutant.path).read_bytes()
                originals[mutant.path] = source
                self.write(mutant.path, apply_change(source, mutant.change))
            return self._pytest(list(tests), list(unfit))
        finally:
            for path, source in originals.items():
                self.write(path, source)

    def _pytest(self, tests: list[str], unfit: list[str]) -> "Run":
        shutil.rmtree(self.root / "build", ignore_errors=True)
        (self.root / "build").mkdir()
        words = [sys.executable, "-m", "pytest", "-x", "-v", "--tb=no", "--durations=0"]
        words += ["--durations-min=0.01", f"--timeout={self.deadline}", "-p", "no:xdist", *tests]
        words += [f"--deselect={name}" for name in unfit]
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root / "python" / "tree"),
            "GRC_BLOCKS_PATH": str(self.root / "grc"),
            "QT_QPA_PLATFORM": "offscreen",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        report = self.root / "build" / "pytest.txt"
        with report.open("wb") as out:
            process = subprocess.Popen(
                words,
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            hung = _wait(process, report, self.deadline + 60)
        if ENDED.is_set():
            raise KeyboardInterrupt
        return Run(process.returncode, report.read_text(errors="replace"), hung)


@contextmanager
def _ending(pool: ThreadPoolExecutor) -> Iterator[None]:
    """On the way out by a signal, ends what runs and begins nothing more."""
    try:
        yield
    except BaseException:
        ENDED.set()
        pool.shutdown(cancel_futures=True)
        raise


def _wait(process: subprocess.Popen[bytes], report: Path, silence: float) -> bool:
    """Ends a run that says nothing for so long; its group ends with it in any case."""
    size, silent = -1, 0.0
    try:
        while process.poll() is None and not ENDED.is_set():
            time.sleep(0.1)
            silent += 0.1  # by naps, not by a clock: the machine may have been suspended
            if report.stat().st_size != size:
                size, silent = report.stat().st_size, 0.0
            elif silent > silence:
                return True
        return False
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Run:
    """Outcome of a run of pytest that stops at the first failure."""

    status: int
    text: str
    hung: bool

    @property
    def late(self) -> bool:
        """True where a deadline ended it, which may be the machine's fault."""
        return self.hung or "Timeout" in self.text

    @property
    def failure(self) -> str | None:
        """Test that failed, or file that could not be read; None where all passed."""
        if not self.hung and self.status in (0, 5):
            return None
        if found := re.findall(FAILED, self.text, re.M):
            return found[0]
        running = re.findall(RUNNING, self.text, re.M)
        return running[-1] if running else ""

    def seconds(self) -> dict[str, float]:
        """Seconds of each file of tests that was run."""
        found: dict[str, float] = {}
        for spent, file in re.findall(r"^([\d.]+)s \w+ +(tests/[^:]+)::", self.text, re.M):
            found[file] = found.get(file, 0.0) + float(spent)
        return found


class Score:
    """The sample, the tests that can notice each change, and the copies in which they run."""

    def __init__(self, sample: list[Mutant], options: argparse.Namespace, folder: Path) -> None:
        self.sample = sample
        self.reaching = {
            path: [test for test in tests if not test.startswith(LEFT_OUT)]
            for path, tests in reaching_tests(ROOT).items()
        }
        self.kept = ROOT / "build" / "mutants" / "seconds.json"
        self.cost: dict[str, float] = (
            json.loads(self.kept.read_text()) if self.kept.exists() else {}
        )
        self.unfit: list[str] = []
        self.copies: SimpleQueue[Copy] = SimpleQueue()
        self.workers = options.workers
        self.count = 0
        for number in range(options.workers):
            self.copies.put(Copy.of_checkout(folder / str(number), options.deadline))

    def measure(self) -> None:
        with ThreadPoolExecutor(self.workers) as pool, _ending(pool):
            left = [mutant for mutant in pool.map(self.try_own, self.sample) if mutant is not None]
            print(f"\n{len(left)} left for the tests of other rooms\n", flush=True)
            list(pool.map(self.try_others, _groups(left)))

    def keep(self, seconds: dict[str, float]) -> None:
        """Takes note of how long files of tests take, for this run and the next."""
        self.cost |= seconds
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(json.dumps(self.cost, indent=1))

    def own(self, mutant: Mutant) -> list[str]:
        return own_tests(mutant.path, self.reaching[mutant.path], ROOT)

    def quick_first(self, tests: Iterable[str]) -> list[str]:
        return sorted(set(tests), key=lambda test: (self.cost.get(test, 5.0), test))

    def try_own(self, mutant: Mutant) -> Mutant | None:
        """The change, where the tests of its own room do not notice it."""
        began = time.monotonic()
        left = self.pursue(self.quick_first(self.own(mutant)), [mutant])
        mutant.seconds = time.monotonic() - began
        self.count += 1
        print(
            f"{self.count:4} {mutant.seconds:5.0f} s  {mutant}\n"
            f"               {mutant.noticed_by or '(not by its own room)'}",
            flush=True,
        )
        return left[0] if left else None

    def try_others(self, group: list[Mutant]) -> None:
        began = time.monotonic()
        tests = {test for mutant in group for test in self.reaching[mutant.path]}
        tests -= set(self.own(group[0])) if len(group) == 1 else set()
        self.pursue(self.quick_first(tests), group)
        for mutant in group:
            mutant.seconds += (time.monotonic() - began) / len(group)
            print(f"{mutant}\n               {mutant.noticed_by or 'SURVIVED'}", flush=True)

    def pursue(self, tests: list[str], mutants: list[Mutant]) -> list[Mutant]:
        """Changes that tests, run against all of them, do not notice."""
        left = list(mutants)
        copy = self.copies.get()
        try:
            while tests and left:
                run = copy.run(tests, left, self.unfit)
                self.keep(run.seconds())
                failure = run.failure
                if failure is None:
                    break
                failure = failure or tests[0]  # ended before the first test
                if copy.run([failure], [], []).failure is not None:
                    self.unfit.append(failure)
                    print(f"left out, it fails without a change, too: {failure}", flush=True)
                elif len(left) == 1 and not run.late:
                    left.pop().noticed_by = failure
                else:
                    alone = [m for m in left if copy.run([failure], [m], []).failure is not None]
                    for mutant in alone:
                        mutant.noticed_by = failure
                    left = [mutant for mutant in left if mutant not in alone]
                    if not alone:  # by several together only, or by chance
                        self.unfit.append(failure)
                file = failure.partition("::")[0]
                if file in tests:
                    tests = tests[tests.index(file) :]
        finally:
            self.copies.put(copy)
        return left


def _groups(mutants: list[Mutant]) -> list[list[Mutant]]:
    """Changes in different modules, as many together as may share a run."""
    groups: list[list[Mutant]] = []
    for mutant in sorted(mutants, key=lambda mutant: mutant.path):
        for group in groups:
            if len(group) < SHARED and all(mutant.path != other.path for other in group):
                group.append(mutant)
                break
        else:
            groups.append([mutant])
    return groups


def draw(random_: random.Random, count: int, room: str | None) -> list[Mutant]:
    """Random changes, no two in one line."""
    package = ROOT / "python" / "dislac"
    found: dict[tuple[str, int], list[Mutant]] = {}
    everything = []
    for module in sorted(package.rglob("*.py")):
        path = module.relative_to(package).as_posix()
        if room is None or Path(path.partition("/")[0]).stem == room:
            everything += [Mutant(path, change) for change in changes(module.read_bytes())]
    random_.shuffle(everything)
    for mutant in everything:
        found.setdefault((mutant.path, mutant.change.line), []).append(mutant)
    return [mutants[0] for mutants in found.values()][:count]


def report(score: Score, seed: int, seconds: float) -> str:
    """Table of rooms, with the survivors."""
    sample = score.sample
    rooms: dict[str, list[Mutant]] = {}
    for mutant in sample:
        rooms.setdefault(mutant.room, []).append(mutant)
    lines = ["", f"{'room':16} noticed  by its own room"]
    for room, mutants in sorted(rooms.items()):
        noticed = [mutant for mutant in mutants if mutant.noticed_by]
        own = sum(m.noticed_by.partition("::")[0] in score.own(m) for m in noticed)
        lines.append(f"{room:16} {len(noticed):3} of {len(mutants):3}  {own:3}")
    noticed_count = sum(bool(mutant.noticed_by) for mutant in sample)
    low, high = binomtest(noticed_count, len(sample)).proportion_ci(0.95, "wilson")
    lines.append(
        f"{'all':16} {noticed_count:3} of {len(sample):3}: {noticed_count / len(sample):.0%}, "
        f"95 % interval {low:.0%} to {high:.0%}"
    )
    lines.append(f"seed {seed}, {seconds / 60:.0f} minutes with {score.workers} workers")
    if survivors := [mutant for mutant in sample if not mutant.noticed_by]:
        lines += ["", "Not noticed:", *(f"  {mutant}" for mutant in survivors)]
    if score.unfit:
        lines += ["", "Left out, failed without a change or only with several:"]
        lines += [f"  {test}" for test in sorted(set(score.unfit))]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, help="of the sample; at random")
    parser.add_argument("--count", type=int, default=150, help="changes (%(default)s)")
    parser.add_argument("--room", help="only changes of this folder or module of python/dislac")
    parser.add_argument("--workers", type=int, default=2, help="copies (%(default)s)")
    parser.add_argument(
        "--deadline", type=float, default=120, help="seconds for one test (%(default)s)"
    )
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    sample = draw(random.Random(seed), options.count, options.room)
    if not sample:
        parser.error(f"there is nothing to change in {options.room}")
    print(f"seed {seed}: {len(sample)} changes", flush=True)
    began = time.monotonic()
    # Ctrl-C also where a script's `&` has it ignored; else the tests would begin so, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Either takes the running tests and the copies along.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="dislac-mutants-") as folder:
        score = Score(sample, options, Path(folder))
        score.measure()
    print(report(score, seed, time.monotonic() - began))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
