# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform import PrsResource, PrsResourceSet, ambiguity, prs_mask
from gnuradio.dislac.waveform.prs import PRS_COMBS

SPACING, SYMBOL = 30e3, 1 / 28e3
TIMES, FREQUENCIES = np.arange(14) * SYMBOL, np.arange(288) * SPACING


def mask(comb, symbols):
    resource = PrsResource(re_offset=1)
    resource_set = PrsResourceSet(1, comb, symbols, 24, 20, resources=(resource,))
    return prs_mask(resource_set, resource, grid_prbs=24)


def test_of_a_full_grid_in_closed_form():
    """Two Dirichlet kernels."""
    delays, dopplers = np.linspace(-9e-6, 9e-6, 37), np.linspace(-7e3, 7e3, 11)

    def kernel(x, count):
        with np.errstate(invalid="ignore"):
            value = np.sin(np.pi * count * x) / (count * np.sin(np.pi * x))
        return np.abs(np.where(x == 0, 1.0, value))

    expected = np.outer(kernel(dopplers * SYMBOL, 14), kernel(delays * SPACING, 288))
    found = ambiguity(np.ones((14, 288)), TIMES, FREQUENCIES, delays, dopplers)
    assert np.allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("comb", PRS_COMBS)
def test_a_comb_over_its_symbols_has_no_ambiguity_in_delay_alone(comb):
    """Each symbol by itself has one at every 1 / (comb x spacing)."""
    delays = np.arange(comb) / (comb * SPACING)
    for symbols in PRS_COMBS[comb]:
        pattern = mask(comb, symbols)
        whole = ambiguity(pattern, TIMES, FREQUENCIES, delays, [0.0])[0]
        assert whole[0] == pytest.approx(1) and np.all(whole[1:] < 1e-9)
        first = ambiguity(pattern[:1], TIMES[:1], FREQUENCIES, delays, [0.0])[0]
        assert np.allclose(first, 1)


def test_a_doppler_shift_makes_up_for_the_comb_of_two():
    """Half a cycle a symbol, where the comb moves by one subcarrier each symbol."""
    at = [1 / (2 * SPACING)], [0.5 / SYMBOL]
    assert ambiguity(mask(2, 4), TIMES, FREQUENCIES, *at)[0, 0] == pytest.approx(1)
