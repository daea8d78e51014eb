# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the map: drawn for whatever there is, without a warning."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from gnuradio.dislac.geometry import bistatic_range
from gnuradio.dislac.io import map_plot
from gnuradio.dislac.io.figures import write_figure
from gnuradio.dislac.positioning import Fix, FixStatistics, FixStatus
from gnuradio.dislac.scenario import load_scenario, parse_scenario
from matplotlib.figure import Figure
from matplotlib.image import imread


def fixes_of(scenario, count=5):
    rng = np.random.default_rng(3)
    receiver = scenario.receiver.motion.state(0.0)[0]
    transmitter = scenario.transmitter.motion.state(0.0)[0]
    target = scenario.target.motion.state(0.0)[0]
    for frame in range(count):
        position = target + rng.normal(size=3)
        yield Fix(
            frame=frame,
            time=0.0,
            status=FixStatus.OK,
            position=position,
            covariance=np.diag([1.0, 2.0, 3.0]),
            residual_delay=float(bistatic_range(transmitter, receiver, position))
            / scenario.propagation_speed,
            error=3.0,
            bound=2.0,
        )


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draws, any warning an error; gives the figure."""
    figures = []
    savefig = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: figures.append(self) or savefig(self, *a, **k)
    )

    def run(fixes, scenario):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            map_plot.draw_map(FixStatistics(fixes), scenario, tmp_path / "map.png")
        assert imread(tmp_path / "map.png").std() > 0.01  # not one colour
        return figures[-1]

    return run


@pytest.mark.parametrize("preset", ["paper", "lab"])
def test_everything_is_in_the_picture(draw, preset):
    scenario = load_scenario(preset)
    fixes = list(fixes_of(scenario))
    scene, near = draw(fixes, scenario).axes
    target = scenario.target.motion.state(0.0)[0]
    for axes in (scene, near):
        (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        places = np.array([*(fix.position for fix in fixes), target])
        assert np.all((low < places[:, 0]) & (places[:, 0] < high))
        assert np.all((bottom < places[:, 1]) & (places[:, 1] < top))
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("east [m]", "north [m]")
    texts = {text.get_text() for text in scene.get_legend().get_texts()}
    assert {"base station", "truth", "fix", "ray of the last echo", "ellipse of its delay"} <= texts


def test_the_ellipse_of_the_delay_leads_through_the_fix(draw):
    scenario = load_scenario("lab")
    fixes = list(fixes_of(scenario, 1))
    scene, _ = draw(fixes, scenario).axes
    (contour,) = [
        path.vertices
        for collection in scene.collections
        for path in collection.get_paths()
        if len(path.vertices) > 20
    ]
    distance = np.linalg.norm(contour - fixes[0].position[:2], axis=1)
    assert distance.min() < 0.5  # of vertices 0.3 m apart


def test_the_title_says_how_good_the_fixes_are(draw):
    scenario = load_scenario("paper")
    fixes = [*fixes_of(scenario, 3), Fix(3, 0.0, FixStatus.NO_DETECTION)]
    title = draw(fixes, scenario)._suptitle.get_text()
    assert "3 fixes of 4 frames" in title
    assert "rms error 3.00 m" in title and "bound 2.00 m" in title


def test_of_very_many_fixes_a_bounded_number_is_drawn(draw):
    scenario = load_scenario("paper")
    figure = draw(fixes_of(scenario, 5000), scenario)
    assert "5000 fixes of 5000 frames, one in 4 drawn" in figure._suptitle.get_text()
    _, near = figure.axes
    (points,) = [line for line in near.lines if line.get_label() == "fix"]
    (ellipses,) = near.collections
    assert len(points.get_xdata()) == len(ellipses.get_paths()) == 1250


def test_nothing_known_is_no_failure(draw):
    scenario = load_scenario("paper")
    assert len(draw([], scenario).axes) == 1
    assert len(draw([Fix(0, 0.0, FixStatus.NO_DETECTION)], scenario).axes) == 1
    bare = [
        replace(f, covariance=np.full((3, 3), np.nan), error=np.nan) for f in fixes_of(scenario)
    ]
    figure = draw(bare[:1], scenario)
    assert "rms error" not in figure._suptitle.get_text()
    legend = {text.get_text() for text in figure.axes[1].get_legend().get_texts()}
    assert legend == {"fix", "truth"}
    data = yaml.safe_load(scenario.text)
    del data["nodes"]["target"]
    data["channel"]["paths"] = [{"kind": "direct"}]
    blind = parse_scenario(yaml.safe_dump(data))
    scene, _ = draw(bare, blind).axes
    assert "truth" not in {text.get_text() for text in scene.get_legend().get_texts()}


@pytest.mark.parametrize(
    ("name", "magic"), [("a", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<")]
)
def test_the_suffix_chooses_the_format(tmp_path, name, magic):
    write_figure(Figure(), tmp_path / name, dpi=10)
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_a_suffix_of_no_format_is_refused_with_the_files_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.0: no format of pictures; .*png"):
        write_figure(Figure(), tmp_path / "a.0", dpi=10)
    assert not list(tmp_path.iterdir())


def test_a_network_has_all_its_receivers_targets_and_the_link_of_the_last_fix(draw):
    scenario = load_scenario(Path(__file__).parents[2] / "examples" / "network.yml")
    seen = scenario.at("east", "tower", "truck")
    fixes = [replace(f, target="truck", links=(("east", "tower"),)) for f in fixes_of(seen, 2)]
    scene = draw(fixes, scenario).axes[0]
    drawn = {line.get_label(): np.asarray(line.get_xydata()) for line in scene.lines}
    assert drawn["base station"].tolist() == [[-50, 190], [130, 60], [-120, -90]]
    assert drawn["truth"].tolist() == [[-40, 60], [0, 0]]
    np.testing.assert_allclose(drawn["ray of the last echo"][0], [-120, -90])
