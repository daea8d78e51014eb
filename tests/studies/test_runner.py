# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of studies: the same rows whoever works, whatever is killed, whenever one goes on."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from select import select
from threading import Timer

import numpy as np
import pytest
from gnuradio.dislac import cli
from gnuradio.dislac.studies.runner import (
    Study,
    Table,
    bootstrap_interval,
    rms,
    run,
    trial_only,
    wilson_interval,
)
from gnuradio.dislac.studies.runner.run import _Asked, _batches
from gnuradio.dislac.studies.runner.study import content
from gnuradio.dislac.studies.runner.workers import Workers, _ThisProcess

DEADLINE = 60.0
"""For a process to begin or to end [s]."""

POINTS = [{"scale": 1.0}, {"scale": 10.0}]


def draw(point, rng):
    return {"value": point["scale"] * rng.standard_normal()}


def fail(where, point, rng):
    if point == where:
        raise KeyError("no such thing")
    return {}


def tables(results):
    rows = [(point["scale"], rms(np.array([r["value"] for r in rows]))) for point, rows in results]
    return [Table(("scale", "rms"), rows)]


def study(**changes):
    return Study(**{"name": "test", "points": POINTS, "trial": draw, "tables": tables, **changes})


def expected(scale, trial, seed):
    """A row's value as the guide has it: the seed's spawn key is the point's digest, and the
    trial."""
    import hashlib

    digest = hashlib.sha256(json.dumps({"scale": scale}).encode()).digest()[:8]
    key = int.from_bytes(digest, "big"), trial
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    return scale * rng.standard_normal()


# Seeds


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_rows_are_the_same_whoever_works(workers):
    results = run(study(), trials=40, seed=7, workers=workers)
    assert [point for point, _ in results] == POINTS
    for point, rows in results:
        values = [row["value"] for row in rows]
        assert values == [expected(point["scale"], trial, 7) for trial in range(40)]


def test_a_point_does_not_depend_on_the_others_but_on_the_seed():
    (alone,) = run(study(points=POINTS[1:]), trials=3, workers=0)
    both = run(study(), trials=3, workers=0)
    assert alone == both[1]
    assert both[0][1][0]["value"] * 10 != both[1][1][0]["value"]
    assert run(study(), trials=3, seed=2, workers=0)[1] != both[1]


def test_points_may_share_what_is_drawn():
    one, ten = run(study(key=trial_only), trials=3, workers=0)
    assert [10 * row["value"] for row in one[1]] == [row["value"] for row in ten[1]]
    assert len({row["value"] for row in one[1]}) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_enough_ends_a_point_with_its_first_trials(workers):
    """Which trials count does not depend on which were run besides."""

    def enough(rows):
        return sum(row["value"] > 0 for row in rows) >= 5

    for point, rows in run(study(enough=enough), trials=1000, workers=workers):
        values = [expected(point["scale"], trial, 1) for trial in range(len(rows))]
        assert [row["value"] for row in rows] == values
        assert sum(value > 0 for value in values) == 5 and values[-1] > 0


def test_enough_is_never_reached_without_an_end():
    for _, rows in run(study(enough=lambda rows: False), trials=4, workers=0):
        assert len(rows) == 4


class Counting(_ThisProcess):
    def __init__(self):
        self.sizes = []

    def submit(self, function, *arguments):
        self.sizes.append(len(arguments[-1]))
        return super().submit(function, *arguments)


def test_quick_trials_are_handed_out_together():
    executor, chosen = Counting(), study()
    asked = {content(point): _Asked(point, 2000, chosen) for point in POINTS}
    for lines in _batches(chosen, list(asked.values()), 1, Workers(executor, lambda: 2)):
        for record in map(json.loads, lines):
            asked[content(record["point"])].add(record["trial"], record["row"])
    assert sum(executor.sizes) == 4000
    assert executor.sizes[0] == 1  # nothing is known of how long a trial takes
    assert len(executor.sizes) < 200
    # the last ones are small, so that all workers end together
    assert executor.sizes[-1] < 20


# Failures


@pytest.mark.parametrize("workers", [0, 1])
def test_a_trial_that_fails_is_named(workers):
    failing = study(trial=partial(fail, POINTS[1]))
    with pytest.raises(ValueError, match=r'trial 0 at \{"scale": 10.0\}: KeyError'):
        run(failing, trials=2, workers=workers)


@pytest.mark.parametrize("value", [np.nan, np.float32(1), object()])
def test_rows_are_json(value):
    with pytest.raises(ValueError, match="no JSON with finite numbers"):
        run(study(trial=lambda point, rng: {"value": value}), workers=0)


@pytest.mark.parametrize("value", [np.inf, {1, 2}])
def test_points_are_json(value):
    with pytest.raises(ValueError, match="no JSON with finite numbers"):
        run(study(points=[{"scale": value}]), workers=0)


def die(point, rng):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_reported():
    with pytest.raises(OSError, match=r"a worker process has ended.*--resume"):
        run(study(trial=die), workers=1)


# Rows that are kept


def test_a_file_is_gone_on_from_with_more_trials_and_points(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    run(study(points=POINTS[:1]), trials=5, workers=0, path=path)
    before = path.read_bytes()
    calls = []

    def counted(point, rng):
        calls.append(point)
        return draw(point, rng)

    results = run(study(trial=counted), trials=8, workers=0, path=path, resume=True)
    assert results == run(study(), trials=8, workers=0)
    assert len(calls) == 3 + 8
    assert path.read_bytes().startswith(before)
    # with fewer, the first ones count
    fewer = run(study(trial=None), trials=2, workers=0, path=path, resume=True)
    assert fewer == [(point, rows[:2]) for point, rows in results]


@pytest.mark.parametrize("cut", [1, 30, "settings"])
def test_a_line_that_is_half_written_is_dropped(tmp_path, cut):
    path = tmp_path / "rows.jsonl"
    whole = run(study(), trials=6, workers=0, path=path)
    content = path.read_bytes()
    path.write_bytes(content[:20] if cut == "settings" else content[:-cut])
    assert run(study(), trials=6, workers=0, path=path, resume=True) == whole
    assert sorted(path.read_bytes().splitlines()[1:])  # all lines are whole
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_rows_that_are_there_are_not_lost_by_accident(tmp_path):
    path = tmp_path / "rows.jsonl"
    run(study(), trials=2, workers=0, path=path)
    with pytest.raises(ValueError, match=r"rows of 4 trials: add --resume"):
        run(study(), trials=2, workers=0, path=path)


@pytest.mark.parametrize(
    ("changes", "seed", "message"),
    [
        ({}, 2, "seed 1 there, 2 here"),
        ({"name": "other"}, 1, 'study "test" there, "other" here'),
        ({"settings": {"snr": 3}}, 1, "snr null there, 3 here"),
        ({"settings": {"scenario": "a" * 100}}, 1, "another scenario"),
    ],
)
def test_rows_of_other_settings_are_refused(tmp_path, changes, seed, message):
    path = tmp_path / "rows.jsonl"
    run(study(), workers=0, path=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"{message}.*or another folder"):
        run(study(**changes), seed=seed, workers=0, path=path, resume=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"point": {}}', b"\xff"])
def test_a_file_of_something_else_is_refused(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    run(study(), workers=0, path=path)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ValueError, match="line 4: no row of a study"):
        run(study(), workers=0, path=path, resume=True)


def test_a_file_has_one_writer(tmp_path):
    path = tmp_path / "rows.jsonl"

    def again(point, rng):
        with pytest.raises(ValueError, match="in use by another process"):
            run(study(), workers=0, path=path, resume=True)
        return {"value": 1.0}

    run(study(trial=again), workers=0, path=path)


# Intervals and tables


@pytest.mark.parametrize("count", [0, 3, 20, 40])
def test_wilson_is_the_closed_form(count):
    """The roots of (p - count/n)^2 = z^2 p (1 - p) / n."""
    n, z = 40, 1.959963984540054
    coefficients = [1 + z**2 / n, -(2 * count / n + z**2 / n), (count / n) ** 2]
    assert wilson_interval(count, n) == pytest.approx(sorted(np.roots(coefficients)), abs=1e-9)
    assert wilson_interval(0, 0) == (None, None)


def test_bootstrap_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(3).exponential(size=400)
    low, high = bootstrap_interval(values, np.mean)
    error = values.std() / np.sqrt(len(values))
    # 2000 resamples leave 2.5 % quantiles uncertain by 0.06 standard deviations
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)
    assert bootstrap_interval(values, np.mean) == (low, high)


def test_bootstrap_of_a_root_mean_square_covers_it():
    rng = np.random.default_rng(4)
    within = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.standard_normal(60))
        within += low < 1.0 < high
    # 95 % less what a percentile bootstrap of 60 values lacks; 4 standard deviations of counting
    assert 0.93 * 200 - 4 * math.sqrt(200 * 0.93 * 0.07) < within < 200


def test_too_few_values_have_no_interval():
    assert bootstrap_interval([1.0]) == (None, None) == bootstrap_interval([])
    assert bootstrap_interval([2.0, 2.0]) == (2.0, 2.0)


def test_table_in_print_and_as_csv():
    table = Table(("of", "x [m]", "n"), [("a, b", 1 / 3, 12), ("c", None, 3)], ("", ".2f", "d"))
    assert table.text() == "of    x [m]   n\na, b   0.33  12\nc             3"
    assert table.csv() == 'of,x [m],n\n"a, b",0.3333333333333333,12\nc,,3\n'
    assert table.column("n") == [12, 3]
    noted = Table(("n",), [(1,)], name="counts", notes=("all of them",))
    assert noted.text() == "counts\nn\n1\nall of them"
    assert noted.csv() == "n\n1\n"


# The command, killed and interrupted

OWN = '''
import os
from gnuradio.dislac.studies.runner import Curve, Plot, Study, Table, study_command

def trial(point, rng):
    """At the gate, if there is one, say who this is, and wait for what never comes."""
    row = {"value": rng.standard_normal()}
    if point["x"] == 2 and row["value"] > 2.4 and os.path.exists(gate := os.environ["GATE"]):
        with open(gate, "w") as file:
            file.write(f"{os.getpid()}\\n")
            file.flush()
            open(gate + ".never").read()
    return row

def tables(results):
    rows = [(p["x"], sum(r["value"] for r in rows), min(r["value"] for r in rows))
            for p, rows in results]
    return [Table(("x", "sum", "least"), rows)]

@study_command(trials=400)
def main():
    """Sums."""
    return Study("sums", [{"x": x} for x in (1, 2, 3)], trial, tables,
                 plot=Plot("x", (Curve("sum", "least"),)))
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A study in a file."""
    path = tmp_path_factory.mktemp("own") / "sums.py"
    path.write_text(OWN)
    return path


@pytest.fixture(scope="module")
def whole(own):
    """What the study prints, and its table, if nothing happens to it."""
    out = own.parent / "whole"
    with ended(command(own, out, "--workers", "0", gate=own.parent / "none")) as process:
        return finish(process), (out / "sums.csv").read_bytes()


@pytest.fixture
def gate(tmp_path):
    """Where one of the study's trials stops."""
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "gate.never")
    return tmp_path / "gate"


@contextmanager
def at_the(gate):
    """What reads at the gate: a line of who comes, then nothing when that one is gone."""
    descriptor = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)

    def read():
        ready, _, _ = select([descriptor], [], [], DEADLINE)
        assert ready, "nobody came, or left, in time"
        return os.read(descriptor, 100)

    try:
        yield read
    finally:
        os.close(descriptor)


def command(own, out, *options, gate):
    name = [sys.executable, "-m", "gnuradio.dislac", "study", str(own), "--out", str(out)]
    return subprocess.Popen(
        env={**os.environ, "GATE": str(gate)},
        args=[*name, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # which a shell has those ignore that it runs in the background
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive its test."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def finish(process):
    """What a process prints until it ends by itself."""
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGKILL, "1"), (signal.SIGKILL, "2"), (signal.SIGINT, "2"), (signal.SIGTERM, "1")],
)
def test_killed_and_resumed_the_files_are_equal(own, whole, gate, tmp_path, number, workers):
    options = "--workers", workers
    with ended(command(own, tmp_path / "killed", *options, gate=gate)) as process:
        with at_the(gate) as read:
            assert int(read()) > 0
            process.send_signal(number)
            assert read() == b""  # the worker at the gate ends, too
        _, err = process.communicate(timeout=DEADLINE)
    rows = tmp_path / "killed" / "sums.jsonl"
    kept = rows.read_text().count("\n") - 1
    assert 0 < kept < 1200
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert err == f"dislac: rows so far are in {rows}; --resume goes on\n"
    assert not (tmp_path / "killed" / "sums.csv").exists()
    with rows.open("a") as file:
        file.write('{"point": {"x": 1}, "tri')
    gate.unlink()
    with ended(command(own, tmp_path / "killed", "--resume", *options, gate=gate)) as resumed:
        assert (finish(resumed), (tmp_path / "killed" / "sums.csv").read_bytes()) == whole
    assert len(whole[1].splitlines()) == 4
    assert (tmp_path / "killed" / "sums.png").read_bytes().startswith(b"\x89PNG")
    seconds = [json.loads(line)["seconds"] for line in rows.read_text().splitlines()[1:]]
    assert len(seconds) == 1200 and min(seconds) >= 0


# A cluster

SCHEDULER, WORKER = "distributed.cli.dask_scheduler", "distributed.cli.dask_worker"


def started(stack, gate, begin, *arguments):
    """A process of Dask, and the rest of the line that says that it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "GATE": str(gate)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    stack.enter_context(ended(process))
    late = Timer(DEADLINE, process.kill)
    late.start()
    stack.callback(late.cancel)
    for line in process.stderr:
        if begin in line:
            late.cancel()
            return process, line.split(begin)[1].split()[0]
    raise AssertionError(f"{arguments} has ended")


def test_a_cluster_that_loses_a_worker_gives_the_same(own, whole, gate, tmp_path):
    pytest.importorskip("distributed")
    quiet = "--no-dashboard", "--host", "127.0.0.1"
    with ExitStack() as stack:
        _, address = started(stack, gate, "Scheduler at:", SCHEDULER, "--port", "0", *quiet)
        nanny = "--no-nanny", "--nthreads", "1", *quiet
        workers = [
            started(stack, gate, "Registered to:", "distributed.cli.dask_worker", address, *nanny)[
                0
            ]
            for _ in range(2)
        ]
        process = stack.enter_context(
            ended(command(own, tmp_path / "cluster", "--scheduler", address, gate=gate))
        )
        with at_the(gate) as read:
            at_the_gate = int(read())
            (killed,) = (worker for worker in workers if worker.pid == at_the_gate)
            gate.unlink()
            killed.kill()
            assert read() == b""
        assert (finish(process), (tmp_path / "cluster" / "sums.csv").read_bytes()) == whole
    lines = (tmp_path / "cluster" / "sums.jsonl").read_text().splitlines()[1:]
    found = {(content(r["point"]), r["trial"]) for r in map(json.loads, lines)}
    assert len(found) == len(lines) == 1200


@pytest.fixture
def dislac(capsys):
    """Runs the command; gives exit status, stdout and stderr."""

    def ask(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main(["study", *map(str, arguments)], prog_name="dislac")
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return ask


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nothing://x:1", "x y"])
def test_a_scheduler_that_does_not_answer_is_reported_in_a_line(dislac, monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr("gnuradio.dislac.studies.runner.workers.CONNECT_WITHIN", 0.5)
    status, out, err = dislac("fidelity", "--symbols", "8", "--scheduler", address)
    assert (status, out) == (1, "")
    assert err.startswith(f"dislac: error: no Dask scheduler answers at {address} within 0.5 s")
    assert err.count("\n") == 1 and "dask scheduler" in err


def test_without_the_extra_its_name_is_reported(dislac, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = dislac("fidelity", "--scheduler", "tcp://127.0.0.1:1")
    assert status == 1 and err.count("\n") == 1
    assert "gr-dislac[cluster]" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["acuracy"], "there is no study 'acuracy': accuracy, ambiguity"),
        (["accuracy", "--trials", "0"], "Invalid value for '--trials': 0 is not in the range"),
        (["accuracy", "--trials", "many"], "Invalid value for '--trials'"),
        (["accuracy", "--workers", "-1"], "Invalid value for '--workers'"),
        (["accuracy", "--seed", "-1"], "Invalid value for '--seed'"),
        (["accuracy", "--resume"], "give its --out"),
        (["accuracy", "--workers", "1", "--scheduler", "tcp://x"], "are the cluster's"),
        (["accuracy", "nowhere.yml"], "nowhere.yml"),
        (["accuracy", "--snr-db", "nan"], "no JSON with finite numbers"),
        (["nowhere.py"], "there is no file nowhere.py"),
    ],
)
def test_what_cannot_be_run_is_reported_in_a_line(dislac, arguments, message):
    status, out, err = dislac(*arguments)
    assert status in (1, 2) and out == ""
    assert message in err and err.startswith("dislac: error: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("numpy.py", "", "give it another name"),
        ("a-b.py", "", "give it another name"),
        ("empty_study.py", "", "has no command 'main'"),
        ("broken_study.py", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_is_no_study_is_reported(dislac, tmp_path, monkeypatch, name, text, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / name).write_text(text)
    status, _, err = dislac(tmp_path / name)
    assert status in (1, 2) and message in err and err.count("\n") == 1


def test_all_studies_are_listed(dislac):
    status, out, _ = dislac("--help")
    assert status == 0
    assert "false_alarms" in out and "How often does noise alone give a fix?" in out


def test_a_folder_that_cannot_be_written_is_named(dislac, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    status, _, err = dislac("fidelity", "--out", blocked / "within", "--workers", "0")
    assert status == 1 and str(blocked) in err and err.count("\n") == 1
    assert Path(blocked).read_text() == ""
