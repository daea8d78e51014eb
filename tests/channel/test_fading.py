# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments and distributions of shadowed-Rician gains."""

import numpy as np
import pytest
from gnuradio.dislac.channel import BlockFading, ShadowedRician
from gnuradio.dislac.channel.fading import FadingError
from scipy import stats

N = 100_000


def test_line_of_sight_is_nakagami_with_constant_phase():
    model = ShadowedRician()
    g = model.line_of_sight(np.random.default_rng(1), N, phase=0.7)
    assert np.allclose(np.angle(g), 0.7)
    power = np.abs(g) ** 2
    assert power.mean() == pytest.approx(0.803, rel=0.005)
    assert np.mean(power**2) == pytest.approx(0.803**2 * (1 + 1 / 19.4), rel=0.01)
    law = stats.nakagami(19.4, scale=np.sqrt(0.803))
    assert stats.kstest(np.abs(g), law.cdf).pvalue > 1e-3


def test_scattered_part_is_rayleigh_with_uniform_phase():
    g = ShadowedRician().scattered(np.random.default_rng(2), N)
    law = stats.rayleigh(scale=np.sqrt(0.197 / 2))
    assert stats.kstest(np.abs(g), law.cdf).pvalue > 1e-3
    assert stats.kstest(np.angle(g) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3
    assert np.mean(np.abs(g) ** 2) == pytest.approx(0.197, rel=0.015)


def test_both_parts_have_unit_power():
    g = ShadowedRician().sample(np.random.default_rng(3), N)
    assert np.mean(np.abs(g) ** 2) == pytest.approx(1.0, rel=0.01)
    assert np.mean(g).real == pytest.approx(
        np.mean(stats.nakagami(19.4).mean()) * 0.803**0.5, rel=0.01
    )


@pytest.mark.parametrize(
    "wrong", [{"shadowing": 0.4}, {"line_of_sight_power": -1}, {"scattered_power": np.nan}]
)
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(FadingError, match=next(iter(wrong)).split("_")[0]):
        ShadowedRician(**wrong)


def test_gain_of_a_frame_depends_on_its_number_alone():
    draw = ShadowedRician().scattered
    frames = np.array([[3, 700], [1_000_000, 3]])
    gains = BlockFading(draw, 5, amplitude=2j)(frames)
    assert gains.shape == (2, 2) and gains[0, 0] == gains[1, 1]
    assert BlockFading(draw, 5, amplitude=2j)(np.array([700]))[0] == gains[0, 1]
    assert BlockFading(draw, 6, amplitude=2j)(np.array([700]))[0] != gains[0, 1]
    many = BlockFading(draw, 5)(np.arange(20_000))
    assert len(np.unique(many)) == 20_000
    assert np.mean(np.abs(many) ** 2) == pytest.approx(0.197, rel=0.04)
