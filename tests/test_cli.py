# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command prints and how it ends; the flowgraphs here are stand-ins."""

import json
import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from gnuradio.dislac import cli
from gnuradio.dislac.commands import following
from gnuradio.dislac.doctor import Check
from gnuradio.dislac.io import FixLog, RecordingWriter, fix_log, fix_to_dict
from gnuradio.dislac.positioning import Fix, FixStatus, Reason
from gnuradio.dislac.scenario import load_scenario, truth


def a_fix(frame, error=1.0):
    return Fix(
        frame=frame,
        time=frame * 1e-3,
        status=FixStatus.OK,
        position=np.array([error, 0.0, 0.0]),
        covariance=np.eye(3),
        residual_delay=1e-6,
        residual_doppler=2.0,
        direction=np.array([0.0, 0.0, -1.0]),
        error=error,
        bound=2.0,
    )


class Flowgraph:
    """Gives its fixes, then ends, fails, or goes on until it is stopped."""

    def __init__(self, scenario, fixes, directory, on_fix, error, endless):
        self.scenario, self.fixes, self.on_fix = scenario, fixes, on_fix
        self.directory, self.error, self.endless = directory, error, endless
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        log = FixLog(self.directory, self.scenario) if self.directory else None
        for fix in self.fixes:
            if log:
                log.write(fix)
            self.on_fix(fix)
        if self.endless:
            os.kill(os.getpid(), signal.SIGINT)
            assert self.stopped.wait(60)
            self.on_fix(a_fix(99))

    def start(self):
        self.thread.start()

    def wait(self):
        self.thread.join()
        if self.error:
            raise self.error

    def stop(self):
        self.stopped.set()

    def counters(self):
        used = len(self.fixes)
        return {"frames_used": used, "frames_skipped": 3, "frames_lost": 1, "fixes": used}


@pytest.fixture
def flowgraphs(monkeypatch):
    """What stands in for the module of flowgraphs: takes note of what it is asked for."""
    fake = SimpleNamespace(asked=[], fixes=[a_fix(0), a_fix(1, 3.0)], error=None, endless=False)

    def make(scenario, directory, on_fix, **options):
        fake.asked.append((scenario, options))
        return Flowgraph(scenario, fake.fixes, directory, on_fix, fake.error, fake.endless)

    fake.run_flowgraph = make
    fake.replay_flowgraph = lambda reader, scenario, **options: make(scenario, **options)
    monkeypatch.setattr(following, "load_flowgraphs", lambda: fake)
    return fake


@pytest.fixture
def dislac(capsys):
    """Runs the command; gives exit status, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments], prog_name="dislac")
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def recording(tmp_path):
    settings = {"numerology.frame_period": 800, "numerology.symbols": 2}
    scenario = load_scenario("lab", settings)
    samples = np.ones((scenario.chains, 5 * 800), np.complex64)
    with RecordingWriter(tmp_path / "recording", scenario) as writer:
        writer.write(samples, [(k * 800, k) for k in range(5)])
    return tmp_path / "recording"


# What is printed


def test_the_option_of_the_snr_sets_the_key_and_no_other(dislac, flowgraphs):
    noise = "channel.noise={temperature_k: 290, noise_figure_db: 5, pool: true}"
    scenario = "paper", "--set", noise.replace("true", "false")
    ways = ("--snr-db", 7), ("--set", "channel.noise.snr_db=7")
    for way in ways:
        assert dislac("run", "lab", *way, "--set", "channel.noise.pool=true")[0] == 0
    assert dislac("run", *scenario)[0] == 0
    *same, warm = [asked.document.data["channel"]["noise"] for asked, _ in flowgraphs.asked]
    assert same == [{"snr_db": 7, "pool": True}] * 2
    assert warm == {"temperature_k": 290, "noise_figure_db": 5, "pool": False}


def test_json_is_one_object_a_fix_and_nothing_else(dislac, flowgraphs):
    status, out, err = dislac("run", "paper", "--json")
    assert (status, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        json.loads(json.dumps(fix_to_dict(fix))) for fix in flowgraphs.fixes
    ]


def test_people_get_a_row_a_fix_and_a_summary(dislac, flowgraphs):
    flowgraphs.fixes.append(Fix(2, 2e-3, FixStatus.NO_DETECTION, bound=2.0))
    status, out, err = dislac("run", "paper")
    assert (status, err) == (0, "")
    header, *rows, counts, error, bound = out.splitlines()
    assert header.split()[-4:] == ["[m]", "bound", "[m]", "status"]
    assert rows[1].split() == ["1", "1.000", "3.00", "0.00", "0.00", "1.73", "3.00", "2.00", "ok"]
    assert rows[2].split() == ["2", "2.000", *"-----", "2.00", "no_detection"]
    assert counts == "2 fixes of 3 frames used, 3 skipped, 1 lost"
    assert error == "error: rms 2.24 m, median 2.00 m"  # of 1 and 3
    assert bound == "bound: rms 2.00 m"


def test_no_frames_no_table(dislac, flowgraphs):
    flowgraphs.fixes.clear()
    assert dislac("run", "paper") == (0, "0 fixes of 0 frames used, 3 skipped, 1 lost\n", "")


def test_files_are_written_and_named(dislac, flowgraphs, tmp_path):
    status, out, _ = dislac("run", "paper", "--out", tmp_path / "a" / "b")
    assert status == 0
    names = ["fixes.jsonl", "fixes.csv", "fixes.geojson", "map.png"]
    assert out.splitlines()[-1] == f"written to {tmp_path}/a/b: {', '.join(names)}"
    found = sorted(path.name for path in (tmp_path / "a" / "b").iterdir())
    assert found == sorted([*names, "fixes.scenario.yml"])
    assert (tmp_path / "a" / "b" / "map.png").read_bytes().startswith(b"\x89PNG")


def test_options_reach_the_scenario_and_the_flowgraph(dislac, flowgraphs):
    options = ["--frames=7", "--snr-db=-3", "--seed=5", "--estimator=mmv-bomp", "--record=base"]
    assert dislac("run", "paper", *options, "--set=estimator.every=2")[0] == 0
    ((scenario, options),) = flowgraphs.asked
    assert options == {"frames": 7, "record": "base"}
    assert scenario.seed == 5 and scenario.channel.snr == pytest.approx(10**-0.3)
    assert scenario.section("estimator").items() >= {"kind": "mmv-bomp", "every": 2}.items()


def test_settings_are_read_as_a_scenario_file_would_be(dislac, flowgraphs):
    settings = ["numerology.carrier_frequency=2e9", "nodes.target.position=[1, 2, 3]"]
    assert dislac("run", "paper", *(part for s in settings for part in ("--set", s)))[0] == 0
    ((scenario, _),) = flowgraphs.asked
    assert scenario.numerology.carrier_frequency == 2e9
    assert scenario.target.motion.position.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("2.5", 2.5)])
def test_replay_takes_what_the_recording_says(dislac, flowgraphs, recording, text, speed):
    status, out, err = dislac("replay", f"{recording}.sigmf-data", "--speed", text, "--json")
    assert (status, len(out.splitlines()), err) == (0, 2, "")
    ((scenario, options),) = flowgraphs.asked
    assert options == {"speed": speed}
    assert (scenario.name, scenario.numerology.frame_period) == ("lab", 800)


def test_replay_warns_of_damage_and_uses_the_rest(dislac, flowgraphs, recording):
    data = recording.with_suffix(".sigmf-data")
    os.truncate(data, 4000 * 16 - 16 * 500 - 3)
    status, out, err = dislac("replay", recording)
    assert status == 0 and out
    assert err.splitlines() == [
        f"dislac: warning: {recording}: ends within a sample: the last 13 bytes are left out",
        f"dislac: warning: {recording}: truncated: holds 3499 of 4000 samples",
        f"dislac: warning: {recording}: frames left out because they are cut off: 1",
    ]


def test_replay_takes_another_scenario(dislac, flowgraphs, recording, tmp_path):
    other = tmp_path / "other.yml"
    other.write_text(load_scenario("lab", {"numerology.symbols": 2, "name": "other"}).text)
    assert dislac("replay", recording, "--scenario", other, "--set", "estimator.every=2")[0] == 0
    ((scenario, _),) = flowgraphs.asked
    assert scenario.name == "other" and scenario.synchronization.every == 2


@pytest.mark.parametrize("preset", ["paper", "lab"])
@pytest.mark.parametrize("paths", ["[{kind: echo}]", "[{kind: echo}, {kind: direct}]"])
def test_bound_is_that_of_the_library(dislac, preset, paths):
    """Of the echo alone, and with another path in the scene also among unknown others."""
    status, out, err = dislac("bound", preset, "--set", f"channel.paths={paths}")
    assert (status, err) == (0, "")
    rows = [[float(value) for value in line.split()] for line in out.splitlines()[3:]]
    assert [row[0] for row in rows] == list(range(-20, 25, 5))
    for snr_db, unknown, known, *among_others in rows:
        overrides = {"channel.paths": yaml.safe_load(paths), "channel.noise": {"snr_db": snr_db}}
        scenario = load_scenario(preset, overrides)
        assert unknown == pytest.approx(truth.bound(scenario, 0, known_height=False), abs=6e-4)
        assert known == pytest.approx(truth.bound(scenario, 0, known_height=True), abs=6e-4)
        assert known <= unknown
        assert len(among_others) == len(scenario.channel.paths) - 1
        for value in among_others:
            limit = truth.bound(scenario, 0, known_height=False, nuisance=True)
            assert value == pytest.approx(limit, abs=6e-4) and value >= unknown


@pytest.mark.parametrize("preset", ["paper", "lab"])
def test_bound_of_a_preset_is_beside_its_direct_path(dislac, preset):
    paths = "channel.paths=[{kind: echo}, {kind: direct}]"
    assert dislac("bound", preset) == dislac("bound", preset, "--set", paths)


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("plane", "known_plane={point: [0, 0, 0], normal: [0.1, 0, 1]}"),
        ("line", "known_line={point: [0, 0, 0], direction: [1, 2, 0.1]}"),
    ],
)
def test_bound_of_a_known_plane_or_line(dislac, what, known):
    settings = {"channel.paths": [{"kind": "echo"}], "channel.noise": {"snr_db": 20}}
    key, value = f"locator.{known}".split("=")
    scenario = load_scenario("paper", {**settings, key: yaml.safe_load(value)})
    status, out, err = dislac(
        "bound", "paper", "--set", "channel.paths=[{kind: echo}]", "--set", f"locator.{known}"
    )
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split() == [what, what]
    _, unknown, found = map(float, out.splitlines()[-1].split())
    assert found == pytest.approx(truth.bound(scenario, 0), abs=6e-4)
    assert found < unknown


def test_bound_warns_of_what_gives_no_position(dislac):
    array = "nodes.receiver.array={nx: 8, ny: 1}"
    status, out, err = dislac("bound", "paper", "--set", array)
    assert status == 0
    assert err.startswith("dislac: warning: nodes.receiver.array of 8 x 1 elements")
    assert err.count("\n") == 1 and "locator.known_height_m" in err
    assert all(line.split()[1] == "inf" for line in out.splitlines()[3:])


def test_bound_says_what_other_paths_cost(dislac):
    paths = "channel.paths=[{kind: echo}, {kind: scattered, count: 2}]"
    _, out, _ = dislac("bound", "paper", "--set", paths)
    for line in out.splitlines()[3:]:
        _, alone, _, among_others = map(float, line.split())
        assert among_others > alone


def test_bound_as_json_is_the_table(dislac):
    rows = [line.split() for line in dislac("bound", "paper")[1].splitlines()[3:]]
    status, out, err = dislac("bound", "paper", "--json")
    assert (status, err) == (0, "")
    keys = ["snr_db", "unknown", "height_known", "other_paths_unknown"]
    for row, line in zip(rows, out.splitlines(), strict=True):
        found = json.loads(line)
        assert list(found) == keys
        assert [float(cell) for cell in row] == pytest.approx([*found.values()], abs=6e-4)


def test_a_bound_that_is_infinite_is_null(dislac):
    row = "--set=nodes.receiver.array={nx: 8, ny: 1}"
    for line in dislac("bound", "paper", "--json", row)[1].splitlines():
        found = json.loads(line)
        assert found["unknown"] is None and found["height_known"] > 0


@pytest.mark.parametrize("scenario", [[], ["paper"]])
def test_waveform_as_json_is_the_table(dislac, scenario):
    rows = [line.split() for line in dislac("waveform", *scenario)[1].splitlines()[2:]]
    status, out, _ = dislac("waveform", *scenario, "--json")
    assert status == 0
    scale = np.array([1e-3, 1e6, 1e6, 1, 1, 1, 1])
    for row, line in zip(rows, out.splitlines(), strict=True):
        found = np.array([*json.loads(line).values()]) * scale
        assert [float(cell.strip("±")) for cell in row] == pytest.approx(found, abs=6e-4)


@pytest.mark.parametrize(("state", "status"), [("ok", 0), ("note", 0), ("fault", 1)])
def test_doctor_ends_with_status_1_on_a_fault(dislac, monkeypatch, state, status):
    checks = [Check("the weather", state, "wet", "take an umbrella")]
    monkeypatch.setattr("gnuradio.dislac.doctor.run_checks", lambda: checks)
    ended, out, _ = dislac("doctor")
    assert ended == status
    assert "wet" in out and "-> take an umbrella" in out


def test_help_and_version_are_no_errors(dislac):
    assert dislac("--version") == (0, f"gr-dislac {cli.__version__}\n", "")
    for command in ([], ["run"], ["replay"], ["bound"], ["doctor"]):
        status, out, err = dislac(*command, "-h")
        assert (status, err) == (0, ""), command
        assert "Usage: dislac" in out


# How it ends


ERRORS = {
    "run": "Missing argument 'SCENARIO'. (dislac run --help says more)",
    "run paper --frames -1": "'--frames': -1 is not in the range 0<=x<=1000000000. (dislac run",
    "run paper --set a": "'a' is not KEY=VALUE, such as channel.noise.snr_db=5",
    "run paper --set a=[": "'[' is not a YAML value",
    "run paper --set warp=9": "paper.yml: warp: unknown key; known here:",
    "run paper --snr-db 3 --set channel.noise.snr_db=4": "--snr-db and --set channel.noise.snr_db "
    "are both about channel.noise.snr_db: give one of the two",
    "run paper --seed 3 --set seed=4": "--seed and --set seed are both about seed: give one",
    "run paper --estimator magic": "estimator.kind: 'magic' is not one of ['off-grid', 'mmv-bomp']",
    "run nowhere.yml": "cannot read the scenario (No such file or directory); give a YAML",
    "run /": "/: cannot read the scenario (Is a directory)",
    "bound nowhere.yml": "nowhere.yml: cannot read the scenario",
    "replay nowhere": "nowhere.sigmf-meta: cannot read the metadata (no such recording)",
    "replay x --speed 0": "'0' is neither 'max' nor a number from 0.001 to 1e6 (1: real time)",
    "replay x --speed nan": "'nan' is neither 'max' nor a number from 0.001",
    "replay x --speed fast": "'fast' is neither 'max' nor a number from 0.001",
    "replay x --scenario nowhere.yml": "nowhere.yml: cannot read the scenario",
    "relay paper --rate 23.04": "23.04 samples a second are no radio's; the rate is in Hz",
    "station paper --export kml": "--export writes into the folder of --out; give one",
    "station paper --bind-any": "--bind-any is for --publish; give that an address",
    "warp": "No such command 'warp'. (dislac --help says more)",
}


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_is_one_line_and_a_status(dislac, flowgraphs, line):
    status, out, err = dislac(*line.split())
    assert status in (1, 2) and out == ""
    assert err.startswith("dislac: error: ") and err.count("\n") == 1
    assert ERRORS[line] in err


@pytest.mark.parametrize(("rate", "low"), [(9999, True), (10_001, False)])
def test_a_rate_below_that_of_any_radio_is_doubted(dislac, monkeypatch, rate, low):
    class Reached(ValueError):
        pass

    def load():
        raise Reached("a flowgraph is made")

    monkeypatch.setattr(following, "load_flowgraphs", load)
    _, _, err = dislac("relay", "paper", "--rate", rate)
    assert ("such as 23.04e6" in err) is low and ("a flowgraph is made" in err) is not low


def test_a_broken_recording_asks_for_a_scenario(dislac, flowgraphs, recording):
    recording.with_suffix(".sigmf-meta").write_text("no\nJSON")
    status, _, err = dislac("replay", recording)
    assert status == 1
    assert err == (
        f"dislac: error: {recording}.sigmf-meta: the metadata are no JSON; "
        "give the scenario it was recorded with (--scenario)\n"
    )


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (ValueError("the channel is\nburning"), "the channel is burning"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (KeyError("x"), "unexpected KeyError: 'x'"),
    ],
)
def test_a_flowgraph_that_fails_is_an_error_after_its_fixes(dislac, flowgraphs, cause, text):
    flowgraphs.error = RuntimeError("some_block0: failed")
    flowgraphs.error.__cause__ = cause
    status, out, err = dislac("run", "paper", "--json")
    assert (status, err) == (1, f"dislac: error: {text}\n")
    assert len(out.splitlines()) == 2


def test_ctrl_c_ends_with_what_was_done(dislac, flowgraphs, tmp_path):
    flowgraphs.endless = True
    before = signal.getsignal(signal.SIGINT)
    status, out, err = dislac("run", "paper", "--frames", "0", "--out", tmp_path)
    assert (status, err) == (130, "")
    rows = out.splitlines()
    assert rows[3].split()[0] == "99"  # came after Ctrl-C, on the way to the end
    assert rows[4].startswith("3 fixes of")
    assert len((tmp_path / "fixes.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "map.png").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_map_that_thins_out_is_said_to(dislac, flowgraphs, tmp_path, monkeypatch):
    for module in (following, fix_log):
        monkeypatch.setattr(module, "MAPPED", 2)
    flowgraphs.fixes[:] = [a_fix(frame) for frame in range(5)]
    _, out, _ = dislac("run", "paper", "--out", tmp_path)
    assert out.splitlines()[-1] == (
        "fixes.geojson holds fewer and fewer frames, at the end one in 4; "
        f"`dislac export {tmp_path}/fixes.jsonl --to geojson` writes all"
    )
    flowgraphs.fixes[:] = flowgraphs.fixes[:2]
    assert "fewer" not in dislac("run", "paper", "--out", tmp_path)[1]


def test_nobody_reads_any_more(dislac, flowgraphs, monkeypatch):
    def broken(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(following, "fix_to_json", broken)
    status, out, err = dislac("run", "paper", "--json")
    assert (status, out, err) == (1, "", "")


def test_without_gnu_radio_there_is_a_bound_and_an_error_that_says_so(dislac, monkeypatch):
    monkeypatch.setattr(following, "find_spec", lambda name: None)
    status, _, err = dislac("run", "paper")
    assert status == 1
    assert "has no GNU Radio: install it (apt-get install gnuradio)" in err
    assert err.count("\n") == 1
    assert dislac("bound", "lab")[0] == 0


# The waveform's trade-off


def test_waveform_prints_a_row_a_spacing(dislac):
    status, out, err = dislac("waveform", "--subcarrier-spacing", "1.5e3", "--numerology", 2)
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.splitlines()[2:]]
    assert rows[0][:5] == ["60", "16.667", "1.172", "2498.270", "2.4397"]
    assert rows[1] == ["1.5", "666.667", "0.000", "99930.819", "97.5887", "±56.211", "8.030"]
    assert len(dislac("waveform")[1].splitlines()) == 2 + 7


def test_waveform_warns_of_what_will_not_work(dislac):
    status, out, err = dislac(
        "waveform", "--subcarrier-spacing", "1.5e3", "--symbol-us", 1.5, "--prefix-us", 1.6,
        "--radius", 300, "--beam-radius", "3e3", "--max-zenith-deg", 5,
    )  # fmt: skip
    assert status == 0 and len(out.splitlines()) == 3
    (symbol, beam) = err.splitlines()
    assert symbol.startswith("dislac: warning: 1.5 kHz: a symbol of 1.5 us is shorter than")
    assert "2.752 km" in beam
    assert "prefix of 1.6 us is shorter" in dislac(
        "waveform", "--subcarrier-spacing", "15e3", "--prefix-us", 1.6, "--radius", 300
    )[2]  # fmt: skip


def test_waveform_of_a_scenario(dislac):
    status, out, err = dislac("waveform", "paper")
    assert (status, err) == (0, "")
    assert out.splitlines()[2].split()[:4] == ["120", "8.333", "2.083", "1249.135"]
    short = dislac("waveform", "paper", "--set", "numerology.cyclic_prefix=4")
    assert short[0] == 0 and "shorter than the scene's excess delay of 1.296 us" in short[2]


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        (["paper", "--symbols", "3"], 2, "--set"),
        (["--set", "seed=2"], 2, "none is given"),
        (["--subcarrier-spacing", "-1"], 2, "'--subcarrier-spacing': -1"),
        (["--max-zenith-deg", "0"], 2, "range"),
    ],
)
def test_waveform_refuses_in_one_line(dislac, arguments, status, says):
    ended, out, err = dislac("waveform", *arguments)
    assert (ended, out, err.count("\n")) == (status, "", 1)
    assert says in err


@pytest.mark.parametrize(("error", "shown"), [(999999.0, "999999.00"), (1.5e300, "1.5e+300")])
def test_a_row_has_room_for_any_number(error, shown):
    row = following.row(Fix(7, 0.5, FixStatus.NO_SOLUTION, reason=Reason.BEHIND, error=error))
    assert row.split()[6] == shown and len(row) < 110
