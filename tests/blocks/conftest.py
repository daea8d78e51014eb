# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import yaml
from gnuradio.dislac.scenario import build


@pytest.fixture(scope="session", autouse=True)
def estimators_are_made_once():
    """Finding an estimator's threshold takes seconds, and estimators have no state."""
    make, made = build.estimator, {}

    def cached(scenario):
        said = yaml.safe_load(scenario.text)
        for key in ("channel", "front_end", "calibration"):
            said.pop(key, None)
        said["estimator"].pop("every", None)
        key = yaml.safe_dump(said)
        if key not in made:
            made[key] = make(scenario)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "estimator", cached)
        yield
