# SPDX-License-Identifier: GPL-3.0-or-later
"""The flowgraphs in examples/ compile, run to their end without a screen, and find the vehicle."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from companion_layout import boxes, faults, opened
from gnuradio import gr
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.geometry import LocalMotion, WalkerShell, delay_and_doppler
from gnuradio.dislac.io import read_fixes
from gnuradio.dislac.scenario import load_scenario, truth
from gnuradio.grc.core.platform import Platform

pytest.importorskip("PyQt5.QtWidgets")
pytest.importorskip("pyqtgraph")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FLOWGRAPHS = sorted(EXAMPLES.glob("*.grc"))
FRAMES = 6


def start(folder: Path, *command: object) -> subprocess.Popen[str]:
    """A Python program in a folder, where it also keeps its settings."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "python" / "tree"),
        "GRC_BLOCKS_PATH": str(ROOT / "grc"),
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
    }
    words = [sys.executable, *(str(word) for word in command)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(folder: Path, *command: object) -> str:
    """Output of a Python program run in a folder."""
    return output(start(folder, *command))


def output(program: subprocess.Popen[str]) -> str:
    """Output of a program that ends well."""
    printed, complaints = program.communicate()
    assert program.returncode == 0, f"{program.args}:\n{printed}\n{complaints}"
    assert "Traceback" not in complaints, complaints
    return printed


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """Where the programs lie that grcc makes of all examples."""
    folder = tmp_path_factory.mktemp("compiled")
    said = run(folder, shutil.which("grcc"), "-o", folder, *FLOWGRAPHS)
    assert not re.search("error|failed", said, re.IGNORECASE), said
    return folder


def test_all_examples_compile(compiled):
    assert len(FLOWGRAPHS) >= 4
    blocks = {"isac_link_report", "own_block_fence"}  # written in Companion
    assert {p.stem for p in compiled.glob("*.py")} == {p.stem for p in FLOWGRAPHS} | blocks


@pytest.fixture(scope="module")
def headless(compiled, tmp_path_factory) -> tuple[str, Path]:
    """What the flowgraph without windows prints, and its file of fixes."""
    folder = tmp_path_factory.mktemp("headless")
    command = compiled / "bistatic_headless.py", "--frames", FRAMES, "--folder", "fixes"
    return run(folder, *command), folder / "fixes" / "fixes.jsonl"


def test_without_windows_recorded_and_replayed(compiled, headless, tmp_path):
    printed, file = headless
    fixes = read_fixes(file)
    assert [fix.frame for fix in fixes] == list(range(FRAMES))
    # Two scatterers that are hardly resolved leave some frames without a position.
    valid = [fix for fix in fixes if fix.valid]
    assert len(valid) >= FRAMES / 2
    # the vehicle has driven, and the fixes with it
    driven = load_scenario(EXAMPLES / "street.yml").target.motion
    errors = [np.linalg.norm(fix.position - driven.state(fix.time)[0]) for fix in valid]
    assert np.median(errors) < 5.0
    np.testing.assert_allclose(errors, [fix.error for fix in valid])
    assert printed.count("error") == FRAMES

    run(tmp_path, compiled / "record.py", "--frames", FRAMES, "--recording", "street")
    replay = tmp_path / "watch_replay.py"
    replay.write_text(WATCH_REPLAY)
    shown = json.loads(run(tmp_path, replay, compiled, FRAMES))
    assert shown["Frame"] == str(FRAMES - 1)
    assert shown["Fixes"] == f"{len(valid)} of {FRAMES}"
    assert (tmp_path / "replayed" / "fixes.jsonl").read_bytes() == file.read_bytes()


WATCH_REPLAY = """
import json, sys
sys.path.insert(0, sys.argv[1])
frames = int(sys.argv[2])
import replay
from PyQt5 import Qt

class top(replay.replay):
    def __init__(self):
        super().__init__(recording="street", folder="replayed")
        self.watch = Qt.QTimer(self)
        self.watch.timeout.connect(self.look)
        self.watch.start(20)

    def look(self):
        texts = self.position_map.qwidget().panel.texts()
        if texts["Fixes"].endswith(f" of {frames}"):
            self.watch.stop()
            self.close()
            print(json.dumps(texts))

replay.main(lambda **_: top(), replay.argument_parser().parse_args([]))
"""


def test_a_pass_is_followed(compiled, tmp_path):
    """Begun a minute before the highest point, half a second of it."""
    printed = run(
        tmp_path, compiled / "pass_following.py", "--begin", 247, "--frames", 6, "--folder", "pass"
    )
    fixes = read_fixes(tmp_path / "pass" / "fixes.jsonl")
    assert [fix.frame for fix in fixes] == list(range(6)) and all(fix.valid for fix in fixes)
    errors = np.array([fix.error for fix in fixes])
    assert np.sqrt(np.mean(errors**2)) < 2 * fixes[0].bound
    # Delay and Doppler shift of all three satellites, time after time
    lines = [re.findall(r"([-+]?\d+\.\d+) (?:ms|kHz)", line) for line in printed.splitlines()]
    links = np.array([line for line in lines if line], dtype=float)
    assert links.shape == (6, 6)
    shell = WalkerShell(550e3, 72, 22, np.radians(53), 39)
    satellites = [LocalMotion(shell.motion(22 * p + s), (50.9, -1.4, 0.0)) for p, s in PASSING]
    receiver = load_scenario(EXAMPLES / "pass_following.yml").receiver.motion
    for k, satellite in enumerate(satellites):
        times = 247.0 + np.array([fix.time for fix in fixes])
        delay, doppler = delay_and_doppler((satellite, receiver), times, 28e9)
        assert links[:, 2 * k] == pytest.approx(delay * 1e3, abs=1e-4)
        assert links[:, 2 * k + 1] == pytest.approx(doppler / 1e3, abs=1e-2)
    assert links[0, 1] - links[-1, 1] > 2.0  # which the receiver does not notice


PLACES = "satellite", "channel"


def test_three_processes_find_what_one_finds(compiled, headless, tmp_path):
    satellite, channel = (f"ipc://{tmp_path}/{place}" for place in PLACES)
    programs = [
        start(tmp_path, compiled / "zmq_station.py", "--source", channel, "--folder", "three"),
        start(tmp_path, compiled / "zmq_channel.py", "--source", satellite, "--address", channel),
        start(tmp_path, compiled / "zmq_satellite.py", "--frames", FRAMES, "--address", satellite),
    ]
    for program in programs:
        output(program)
    _, one = headless
    three = tmp_path / "three" / "fixes.jsonl"
    assert three.read_bytes() == one.read_bytes() and len(read_fixes(one)) == FRAMES


def test_a_network_in_companion_gives_the_fixes_of_the_library(compiled, tmp_path):
    """Every vehicle, over every satellite and receiver."""
    program = tmp_path / "few_noise_frames.py"
    program.write_text(FEW_NOISE_FRAMES)
    printed = run(tmp_path, program, compiled, "--frames", 2, "--folder", "fixes").splitlines()
    scenario = load_scenario(EXAMPLES / "network.yml")
    fixes = read_fixes(tmp_path / "fixes" / "fixes.jsonl")
    found = [(fix.frame, *fix.links[0], fix.target) for fix in fixes]
    assert found == [(frame, *link) for frame in range(2) for link in scenario.links]
    lines = [line for line in printed if line.startswith("frame")]
    for line, fix in zip(lines, fixes, strict=True):
        assert f" > {fix.links[0][1]} " in line and f" {fix.target} " in line
        assert f"error {fix.error:6.2f} m  bound {fix.bound:5.2f} m" in line
    squares = [(fix.error / fix.bound) ** 2 for fix in fixes if fix.valid]
    # 24 fixes of two or three unknowns have a sampling error of some 10 %.
    assert len(squares) == 24 and 0.6 < np.sqrt(np.mean(squares)) < 1.4


FEW_NOISE_FRAMES = """
import sys
from gnuradio.dislac.estimation import detection
detection.CALIBRATION_FRAMES = 20  # echoes are far above thresholds
sys.path.insert(0, sys.argv.pop(1))
import network

network.main()
"""


PASSING = (50, 0), (54, 19), (57, 17)
"""Planes of the shell in that flowgraph, and satellites in them."""


def test_live(compiled, tmp_path):
    watch = tmp_path / "watch_live.py"
    watch.write_text(WATCH_LIVE)
    printed = run(tmp_path, watch, compiled).splitlines()
    # GNU Radio's log of later releases goes to stdout, too.
    loud, faint = (json.loads(line) for line in printed if line.startswith("{"))
    assert float(loud["map"]["RMS error"].split()[0]) < 20.0
    assert loud["map"]["Status"] == "ok"
    # The vehicle drives for some seconds before anyone looks.
    scenario = load_scenario(EXAMPLES / "street.yml", {"numerology.frame_period": 768_000})
    delays = [truth.true_paths(scenario, k, 1).delay[0] * 1e9 for k in range(100)]
    peak = float(loud["delay_doppler"]["Peak delay"].split()[0])
    assert min(delays) - 40.0 < peak < max(delays) + 40.0
    assert float(loud["spectrum"]["Off the truth"]) < 0.3  # other paths are near
    assert "<b>0</b>" in loud["lost"] and loud["state"] == "BY TAGS"
    # after the slider was moved to where nothing can be heard
    assert "no detection" in faint["map"]["Without a fix"]
    bounds = [float(shown["map"]["Bound"].split()[0]) for shown in (loud, faint)]
    assert bounds[1] > 5.0 * bounds[0]


WATCH_LIVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import bistatic_live
from PyQt5 import Qt

class top(bistatic_live.bistatic_live):
    def __init__(self):
        super().__init__()
        self.set_frame_rate(1000)
        self.ofdm_demodulator.set_every(20)
        self.heard = False
        self.watch = Qt.QTimer(self)
        self.watch.timeout.connect(self.look)
        self.watch.start(20)

    def look(self):
        texts = self.live_view.qwidget().map.panel.texts()
        fixes = texts["Fixes"].split()[0]
        if not self.heard and fixes.isdigit() and int(fixes) >= 10:
            self.heard = True
            self.report()
            self.set_snr_db(-20)
            # Frames that wait were made before: one path takes a tenth of the time of three.
            self.path_estimator.set_max_paths(1)
        elif self.heard and "no detection" in texts["Without a fix"]:
            self.watch.stop()
            self.report()
            self.close()

    def report(self):
        view = self.live_view.qwidget()
        parts = "map", "delay_doppler", "spectrum"
        shown = {part: getattr(view, part).panel.texts() for part in parts}
        shown |= {"lost": view.counters["lost"].text(), "state": view.state.text()}
        print(json.dumps(shown))

bistatic_live.main(top_block_cls=top)
"""


@pytest.mark.parametrize("path", FLOWGRAPHS, ids=lambda path: path.stem)
def test_examples_say_what_they_are(path):
    document = yaml.safe_load(path.read_text())
    options = document["options"]["parameters"]
    assert options["id"] == path.stem
    assert options["author"] == "gr-dislac developers"
    assert options["title"] and options["description"].endswith(".")
    assert document["metadata"]["file_format"] == 1
    places = [tuple(block["states"]["coordinate"]) for block in document["blocks"]]
    assert len(set(places)) == len(places)


@pytest.fixture(scope="module")
def platform() -> Platform:
    """Companion's core, with GNU Radio's blocks and ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRC_BLOCKS_PATH", str(ROOT / "grc"))
        versions = gr.major_version(), gr.api_version(), gr.minor_version()
        made = Platform(version=gr.version(), version_parts=versions, prefs=gr.prefs())
        made.build_library()
    return made


@pytest.mark.skipif(not gr.version().startswith("3.10.5"), reason="other versions write otherwise")
def test_examples_are_as_companion_saves_them(tmp_path, platform):
    for path in FLOWGRAPHS:
        graph = platform.make_flow_graph(str(path))
        graph.rewrite()
        platform.save_flow_graph(tmp_path / path.name, graph)
        assert (tmp_path / path.name).read_text() == path.read_text()


@pytest.mark.parametrize("path", FLOWGRAPHS, ids=lambda path: path.stem)
def test_no_block_lies_over_another(path, platform):
    """Nor leaves what a screen of 1920 pixels shows beside the list of blocks."""
    assert faults(opened(platform, path), {"width": 1700, "height": 900}) == []


def test_what_lies_over_another_is_found(platform):
    graph = opened(platform, EXAMPLES / "own_block.grc")
    locator, fence = (graph.get_block(name) for name in ("bistatic_locator", "fence"))
    (box,) = boxes(locator)
    x, y = locator.states["coordinate"]
    size = {"width": 1700, "height": 900}
    for side, met in ((box.right + 10.0, True), (box.right + 30.0, False)):  # its port is 19 wide
        fence.states["coordinate"] = [side, y]
        assert (faults(graph, size) == ["bistatic_locator meets fence"]) == met
    for place, leaves in (([-1, y], True), ([x, -1], True), ([1690, y], True), ([60, 8], False)):
        fence.states["coordinate"] = place
        assert any("fence leaves the canvas" in fault for fault in faults(graph, size)) == leaves


def test_bytes_go_through_the_link(compiled, tmp_path):
    """From the first frame on: no more are sent than the bytes take."""
    payload = load_scenario(EXAMPLES / "isac_link.yml").payload
    needed = -(-5000 // (payload.block_size - 2))
    printed = run(tmp_path, compiled / "isac_link.py", "--frames", needed, "--file", "received.bin")
    received = (tmp_path / "received.bin").read_bytes()
    assert received == bytes(k * k % 251 for k in range(5000))
    assert printed.startswith(f"in all {needed} frames, {needed} good, EVM ")


def test_a_block_of_ones_own_gets_every_fix(compiled, tmp_path):
    """Behind NR PRS beside a payload, an amplifier of GNU Radio, and a demodulator of pilots."""
    printed = run(tmp_path, compiled / "own_block.py", "--frames", 6)
    found = re.findall(r"frame (\d+): +(\S+) +(\S+) +(\S+) m, (in|out)side", printed)
    assert [int(frame) for frame, *_ in found] == list(range(6))
    places = np.array([place for _, *place, _ in found], dtype=float)
    limit = truth.bound(load_scenario(EXAMPLES / "own_block.yml"), 0)
    # Six frames have a sampling error of 2.4 dB.
    assert 0.4 < np.sqrt(np.mean(np.sum(places**2, axis=1))) / limit < 2.0
    inside = np.hypot(places[:, 0], places[:, 1]) < 10.0
    assert [side == "in" for *_, side in found] == inside.tolist()


def test_the_guide_shows_that_block():
    document = yaml.safe_load((EXAMPLES / "own_block.grc").read_text())
    (block,) = (block for block in document["blocks"] if block["id"] == "epy_block")
    page = (ROOT / "docs" / "companion.md").read_text()
    assert f"```py\n{block['parameters']['_source_code']}```" in page


def test_the_guides_grcc_compiles_a_scenario_with_mean_elements(compiled, tmp_path):
    """Run as it is written, where grcc's own interpreter need not have what SGP4 takes."""
    page = (ROOT / "docs" / "companion.md").read_text()
    (command,) = re.findall(r"^.*grcc.* -o build examples/\S+\.grc$", page, re.MULTILINE)
    orbits = (ROOT / "docs" / "orbits.md").read_text()
    (scene,) = re.findall(r"^```yaml tle\.yml\n(.*?)^```", orbits, re.MULTILINE | re.DOTALL)
    (tmp_path / "tle.yml").write_text(scene)
    document = yaml.safe_load((EXAMPLES / "record.grc").read_text())
    kept = ("scenario", "frames", "recording", "pilot_source", "recording_sink")
    document["blocks"] = [block for block in document["blocks"] if block["name"] in kept]
    document["connections"] = [["pilot_source", "0", "recording_sink", "0"]]
    values = {"source": str(tmp_path / "tle.yml"), "overrides": "{}", "snr_db": "None"}
    document["blocks"][0]["parameters"] |= values
    (tmp_path / "record.grc").write_text(yaml.safe_dump(document))
    command = re.sub(r"-o build \S+", f"-o {tmp_path} {tmp_path}/record.grc", command)
    paths = {
        "PYTHONPATH": str(ROOT / "python" / "tree"),
        "GRC_BLOCKS_PATH": str(ROOT / "grc"),
        "HOME": str(compiled),  # where grcc keeps what it has read of GNU Radio's blocks
    }
    environment = {**os.environ, **paths}
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run(tmp_path, tmp_path / "record.py", "--frames", 2, "--recording", "sky")
    assert (tmp_path / "sky.sigmf-data").stat().st_size > 0


def test_chains_are_calibrated(compiled, tmp_path):
    run(tmp_path, compiled / "calibrate.py", "--frames", 200, "--file", "chains.yml")
    found = yaml.safe_load((tmp_path / "chains.yml").read_text())
    truth = load_scenario(EXAMPLES / "calibrate.yml").front_end
    for chain, phase, delay in zip(found["chains"], truth.phase, truth.delay, strict=True):
        assert chain["phase_deg"] == pytest.approx(np.degrees(phase), abs=1.0)
        assert chain["delay_ns"] == pytest.approx(delay * 1e9, abs=0.5)


def test_the_scene_of_all_flowgraphs_is_a_scenario_file():
    for path in FLOWGRAPHS:
        own = path.with_suffix(".yml")
        source = own if own.exists() else EXAMPLES / "street.yml"
        if path.stem.startswith("radio_"):
            source = "lab"
        file = yaml.safe_load(load_scenario(source).text)
        blocks = yaml.safe_load(path.read_text())["blocks"]
        (scenario,) = (b["parameters"] for b in blocks if b["id"] == "dislac_scenario")
        values = {b["name"]: b["parameters"].get("value", "") for b in blocks}
        known: dict[str, object] = {}
        period = eval(scenario["frame_period"])
        for name in [n for n in ("begin", "shell", "reference") if n in values]:  # in overrides
            known[name] = eval(values[name], known)
        overrides = eval(scenario["overrides"], known)
        # The live one takes its noise from a pool, and a frame each millisecond.
        noise = overrides.get("channel.noise", {"snr_db": eval(scenario["snr_db"])})
        overrides["channel.noise"] = {"snr_db": noise["snr_db"]}
        if period is not None:
            overrides["numerology.frame_period"] = file["numerology"]["frame_period"]
        said = yaml.safe_load(load_scenario(scenario["source"], overrides).text)
        for about in ("name", "description"):
            said[about] = file[about]
        said.get("synchronization", {}).pop("reference", None)
        assert said == file, path.name


def test_the_table_names_every_example():
    table = (EXAMPLES / "README.md").read_text()
    for path in [*FLOWGRAPHS, *EXAMPLES.glob("*.yml")]:
        assert f"| [{path.name}]({path.name}) |" in table


def test_the_rooftop_finds_its_own_timing():
    """From a cold start, with the direct path 38 dB above the echo."""
    fixes, events = [], []
    tb = run_flowgraph(load_scenario(EXAMPLES / "rooftop.yml"), frames=60, on_fix=fixes.append)
    report = tb.demodulator.report
    tb.demodulator.report = lambda name, **details: (
        events.append((name, details)),
        report(name, **details),
    )
    tb.run()
    assert [d["state"] for n, d in events if n == "sync"] == ["searching", "locked"]
    counters = tb.counters()
    assert len(fixes) == counters["frames_used"] >= 55 and all(fix.valid for fix in fixes)
    squares = [(fix.error / fix.bound) ** 2 for fix in fixes]
    # 55 frames have a sampling error of 0.6 dB
    assert 10 * np.log10(np.mean(squares)) < 2.0
