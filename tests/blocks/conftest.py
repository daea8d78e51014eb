# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from gnuradio.dislac.scenario import build


@pytest.fixture(scope="session", autouse=True)
def estimators_are_made_once():
    """Finding an estimator's threshold takes seconds, and estimators have no state."""
    make, made = build.estimator, {}

    def cached(scenario):
        if scenario.text not in made:
            made[scenario.text] = make(scenario)
        return made[scenario.text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "estimator", cached)
        yield
