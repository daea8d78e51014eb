# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures in sentences of the guide are what is worked out here, or printed beside them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from gnuradio.dislac.arrays import spatial_frequency_grid
from gnuradio.dislac.geometry import range_and_rate
from gnuradio.dislac.scenario import load_scenario, routes, truth
from gnuradio.dislac.systems.bistatic import locator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def text(page: str) -> str:
    """A page on one line, so that sentences may be broken anywhere."""
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


def moved_by(timing: float) -> float:
    """How far the fix of the paper's target moves when delays come out too long by `timing` [s]."""
    paper = load_scenario("paper")
    path = truth.true_paths(paper, 0)
    fix = locator(paper).locate(path.arrival[0], path.delay[0] + timing, truth=[0, 0, 0])
    return float(fix.error)


def residual(preset: str) -> tuple[float, float]:
    """Residual delay [s] and Doppler [Hz] of a preset's echo."""
    paths = truth.true_paths(load_scenario(preset), 0)
    return float(paths.delay[0]), float(paths.doppler[0])


def bound_at_0_db(known_height: bool) -> float:
    scenario = load_scenario("paper", {"channel.noise": {"snr_db": 0}})
    return truth.bound(scenario, 0, known_height=known_height)


def chain_rate(preset: str) -> float:
    """Bytes a second of one chain's samples, complex64."""
    return 8 * load_scenario(preset).sample_rate


def burst() -> int:
    """Samples that a Radio Sink sends for a frame of the lab: 64 before it and behind it."""
    return load_scenario("lab").numerology.frame_length + 2 * 64


def noise_of_dividing() -> float:
    """How much more noise there is after dividing by 16QAM symbols: the mean of 1 / |a|^2."""
    level = np.array([-3, -1, 1, 3]) / np.sqrt(10)
    return float(np.mean(1 / np.abs(level[:, None] + 1j * level) ** 2))


def echo_range() -> float:
    """Length of the way over the paper's target [m]."""
    paper = load_scenario("paper")
    return float(range_and_rate(routes.path_nodes(paper, paper.channel.paths[0]), 0)[0])


SENTENCES: list[tuple[str, str, Callable[[], float]]] = [
    ("scenario.md", r"100 ns off moves the fix by (\d+) m,", lambda: moved_by(100e-9)),
    (
        "blocks.md",
        r"error of 100 ns moves the fix in the paper's scene by (\d+) m,",
        lambda: moved_by(100e-9),
    ),
    (
        "calibration.md",
        r"it adds ([\d.]+) m a nanosecond in the paper's scene",
        lambda: moved_by(1e-9),
    ),
    ("signal_model.md", r"([\d.]+) µs and 166 Hz in the scene", lambda: residual("paper")[0] * 1e6),
    ("signal_model.md", r"1.296 µs and (\d+) Hz in the scene", lambda: residual("paper")[1]),
    ("signal_model.md", r"bound at 0 dB from ([\d.]+) m to", lambda: bound_at_0_db(False)),
    ("signal_model.md", r"bound at 0 dB from 2.62 m to ([\d.]+) m", lambda: bound_at_0_db(True)),
    ("scenario.md", r"16 samples are ([\d.]+) µs at 7.68 Msps", lambda: 16 / 7.68),
    (
        "recordings.md",
        r"([\d.]+) MB a second for each chain at 7.68 Msps",
        lambda: chain_rate("paper") / 1e6,
    ),
    (
        "blocks.md",
        r"the 8 chains of `paper` make (\d+) MB a second",
        lambda: 8 * chain_rate("paper") / 1e6,
    ),
    ("blocks.md", r"with the lab preset a burst of (\d+) samples", burst),
    ("blocks.md", r"the echo stands at ([\d.]+) µs and", lambda: residual("paper")[0] * 1e6),
    (
        "blocks.md",
        r"the echo stands at 1.3 µs and ([\d.]+) kHz",
        lambda: residual("paper")[1] / 1e3,
    ),
    (
        "blocks.md",
        r"with 20 ppm, frames of a millisecond at 7.68 Msps come ([\d.]+) samples",
        lambda: 7680 * (1 + 20e-6),
    ),
    (
        "radios.md",
        r"The lab's echo comes (\d+) ns after the direct path",
        lambda: residual("lab")[0] * 1e9,
    ),
    ("radios.md", r"The lab's cyclic prefix is (\d+) ns", lambda: 18 / 7.68e6 * 1e9),
    (
        "radios.md",
        r"its band of 6 MHz separates paths from about (\d+) ns",
        lambda: 1e9 / (200 * 30e3),
    ),
    (
        "signal_model.md",
        r"inside the unit disc, (\d+) points at G = 16",
        lambda: len(spatial_frequency_grid(16)),
    ),
    (
        "signal_model.md",
        r"10⁴ points between 0 and 2 D would lie (\d+) m apart",
        lambda: 2 * echo_range() / 1e4,
    ),
    ("calibration.md", r"20 ppm are ([\d.]+) ns in 83 µs", lambda: 20e-6 * 8 * 80 / 7.68e6 * 1e9),
    ("scenario.md", r"0\.1 is a loss of ([\d.]+) dB", lambda: 10 * np.log10(np.exp(0.1))),
    ("synchronization.md", r"\((\d+) m of detour at 3.84 MHz\)", lambda: 299_792_458 / 3.84e6),
    ("radios.md", r"up to 12 kHz \(([\d.]+) ppm at 3.5 GHz\)", lambda: 12e3 / 3.5e9 * 1e6),
    ("payload.md", r"by ([\d.]+) dB for 16QAM", lambda: 10 * np.log10(noise_of_dividing())),
]


@pytest.mark.parametrize(
    ("page", "sentence", "value"), SENTENCES, ids=[f"{p} {s[:40]}" for p, s, _ in SENTENCES]
)
def test_a_sentence_says_what_comes_out(page, sentence, value):
    said = re.findall(sentence, text(page))
    assert said, f"{page} does not say this any more"
    for figure in said:
        digits = len(figure.partition(".")[2])
        assert float(figure) == pytest.approx(value(), abs=0.5 * 10**-digits)


def rows(page: str, title: str) -> np.ndarray:
    """Numbers of a table that a page prints, from the line after `title` to its notes."""
    found = (DOCS / page).read_text(encoding="utf-8").split(title, 1)[1]
    lines = re.split(r"^(?:\$ |```|from, to)", found, maxsplit=1, flags=re.M)[0].splitlines()
    return np.array([[float(x) for x in line.split()] for line in lines if line.strip()])


def test_what_is_said_of_the_off_grid_estimator_is_in_its_table():
    snr, _, low, high, _, _, limit, _, without, *_ = rows("signal_model.md", "to [%]\n").T
    assert snr.tolist() == [-15, -10, -5, 0, 5, 10]
    # The bound lies within the interval of the error.
    assert np.all((low < limit) & (limit < high))
    assert without[0] == pytest.approx(100 / 5, abs=3) and np.all(without[1:] < 2.5)


def test_what_is_said_of_a_calibration_is_in_its_table():
    page = (DOCS / "calibration.md").read_text(encoding="utf-8")
    printed = re.search(
        r"^SNR \[dB\]  calibrations .*\n +0\.0 +10 +(\S+) +(\S+) +(\S+) +(\S+)$", page, re.M
    ).groups()
    said = re.search(
        r"phases to (\S+) degrees and delays to (\S+) ns .* of 70 are (\S+) degrees and (\S+) ns",
        text("calibration.md"),
    ).groups()
    assert [said[0], said[2], said[1], said[3]] == [*printed]


@pytest.mark.parametrize(
    ("what", "times"), [("phase +5", 1.9), ("delay +20", 2.15), ("delay +5", 1.1)]
)
def test_what_an_error_costs_at_10_db_is_in_its_table(what, times):
    page = (DOCS / "calibration.md").read_text(encoding="utf-8")
    rmse = {
        name: float(re.search(rf"^{name} +10\.0 +(\S+)", page, re.M)[1])
        for name in ("perfect", what)
    }
    assert rmse[what] / rmse["perfect"] == pytest.approx(times, abs=0.05)


# The events


def events_of_the_code() -> set[str]:
    """Names of events, where blocks report them."""
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("blocks", "synchronization")
        for path in (ROOT / "python" / "dislac" / folder).rglob("*.py")
    ]
    names = re.findall(r"(?:\.report|\b_say|\bEvent)\(\s*\"(\w+)\"", "\n".join(sources))
    # Connections report what has become of them; frames lost leave as frame_dropped.
    return {*names, "connected", "disconnected"} - {"frames_lost"}


def test_the_page_has_every_event_and_no_other():
    page = (DOCS / "blocks.md").read_text(encoding="utf-8")
    table = page.split("### Events", 1)[1].split("\nIn Python", 1)[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.M)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == events_of_the_code()


# A scene of one's own


def test_the_scene_of_ones_own_is_at_the_bound_and_complete():
    page = (DOCS / "own_scene.md").read_text(encoding="utf-8")
    error, bound = (
        float(re.search(rf"^{what}: rms (\S+) m", page, re.M)[1]) for what in ("error", "bound")
    )
    assert "20 fixes of 20 frames used, 0 skipped, 0 lost" in page
    assert 0.7 * bound < error < 1.3 * bound  # an rms of 20 errors is known to 16 %
    scene = yaml.safe_load(re.search(r"^```yaml esoc.yml\n(.*?)^```$", page, re.M | re.S)[1])
    array = scene["nodes"]["receiver"]["array"]
    assert (array["nx"], array["ny"]) == (4, 1)
    assert float(scene["numerology"]["carrier_frequency"]) == 2e9
    assert scene["nodes"]["transmitter"]["orbit"]["kind"] == "tle"
    assert "known_height_m" in scene["locator"]
