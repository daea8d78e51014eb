# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import yaml
from companion_helpers import make_platform
from gnuradio.dislac.scenario import build


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """Companion's core."""
    return make_platform(tmp_path_factory.mktemp("needed"))


@pytest.fixture
def qt():
    """An application for blocks that are windows."""
    QtWidgets = pytest.importorskip("PyQt5.QtWidgets")
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture(scope="session", autouse=True)
def estimators_are_made_once():
    """Finding an estimator's threshold takes seconds, and estimators have no state.

    Direct-signal cancellation before them may have: it is made for each.
    """
    make, made = build._estimator, {}

    def cached(scenario, model, nuisance=None):
        said = yaml.safe_load(scenario.text)
        for key in ("channel", "front_end", "calibration", "synchronization"):
            said.pop(key, None)
        said["estimator"].pop("every", None)
        key = yaml.safe_dump(said), model is build.snapshot_model(scenario), nuisance is None
        if key not in made:
            made[key] = make(scenario, model, nuisance)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_estimator", cached)
        yield
