# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform import PILOT_KINDS, Numerology, make_pilots, modulate
from gnuradio.dislac.waveform.pilots import code, code_count
from hypothesis import given
from hypothesis import strategies as st

kinds = st.sampled_from(PILOT_KINDS)


@given(kinds, st.integers(1, 16), st.integers(1, 48), st.integers(1, 16), st.booleans(), st.data())
def test_users_are_orthogonal_over_the_grid(kind, symbols, subcarriers, chains, shuffled, data):
    users = st.integers(0, code_count(kind, symbols * subcarriers) - 1)
    k, j = data.draw(users), data.draw(users)
    s, t = (
        make_pilots(
            kind, symbols, subcarriers, chains, user=user, seed=3, interleaved=shuffled
        ).grid()
        for user in (k, j)
    )
    assert np.allclose(np.abs(s), 1, atol=1e-6)
    expected = s.size if k == j else 0
    assert abs(np.vdot(s.astype(complex), t) - expected) < 1e-6 * s.size


@pytest.mark.parametrize("kind", PILOT_KINDS)
def test_no_users_signal_is_anothers_at_another_delay_and_doppler(kind):
    """The greatest share of energy over all delays and Dopplers: 1 where codes are shifts of one
    another, that of noise where they are interleaved."""
    for interleaved in (False, True):
        first, *others = (
            make_pilots(kind, 8, 32, 1, user=user, seed=2, interleaved=interleaved).scrambling[0]
            for user in range(code_count(kind, 256))
        )
        share = [
            np.max(np.abs(np.fft.fft2(other * first.conj(), (32, 128))) ** 2) / 256**2
            for other in others
        ]
        if interleaved:
            assert max(share) < 0.12  # 4096 points of noise and 255 users: log(4096 * 255) / 256
        else:
            assert max(share) == pytest.approx(1.0)


def test_the_first_users_code_is_in_its_own_order():
    """Signals of scenarios that name no user are what they were before codes were interleaved."""
    for kind in PILOT_KINDS:
        one, other = (make_pilots(kind, 8, 32, 8, seed=9, interleaved=i) for i in (False, True))
        np.testing.assert_array_equal(one.grid(), other.grid())


@given(kinds, st.integers(2, 16), st.integers(4, 48), st.integers(1, 8))
def test_descrambling_leaves_the_chain_pilots(kind, symbols, subcarriers, chains):
    pilots = make_pilots(kind, symbols, subcarriers, chains, seed=5)
    frame = pilots.descramble(pilots.grid())
    assert frame.shape == (symbols, subcarriers, chains)
    assert np.allclose(frame, pilots.chains[:, None, :], atol=1e-6)


@pytest.mark.parametrize("kind", PILOT_KINDS)
@pytest.mark.parametrize("user", [0, 1, 7])
def test_no_impulse_train(kind, user):
    numerology = Numerology(28e9, 120e3, 64, 16, 32, 8, 640)
    grid = make_pilots(kind, 8, 32, 8, user=user, seed=1).grid()
    power = np.abs(modulate(grid, numerology)) ** 2
    constant = np.abs(modulate(np.ones_like(grid), numerology)) ** 2
    assert constant.max() / constant.mean() > 30  # what it would be
    assert power.max() / power.mean() < 10


@pytest.mark.parametrize("length", [5, 8, 31, 256])
def test_zadoff_chu_has_perfect_autocorrelation(length):
    sequence = code("zadoff-chu", length, 0, np.random.default_rng())
    spectrum = np.abs(np.fft.fft(sequence))
    assert np.allclose(spectrum, np.sqrt(length))


def test_chains_are_orthogonal_over_the_symbols():
    for kind in PILOT_KINDS:
        chains = make_pilots(kind, 8, 32, 8).chains
        assert np.allclose(chains.conj().T @ chains, 8 * np.eye(8), atol=1e-9)


def test_too_many_users_and_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="allow 4 users"):
        make_pilots("walsh-hadamard", 3, 4, 2, user=4)
    with pytest.raises(ValueError, match="unknown pilot kind 'gold'; use one of zadoff-chu"):
        make_pilots("gold", 8, 32, 8)
