# SPDX-License-Identifier: GPL-3.0-or-later
"""Fisher information of a frame, against differences and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.bounds import PATH_PARAMETERS, fisher_information, path_covariance
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from numpy.testing import assert_allclose, assert_array_equal

SPACING = 120e3
DELAY = PATH_PARAMETERS.index("delay")
DEPARTURE = [PATH_PARAMETERS.index(name) for name in ("departure_x", "departure_y")]


def make_model(rng, symbols=4, subcarriers=8, chains=3, coupling="paired", shape=(4, 4)):
    return SnapshotModel(
        transmit_array=PlanarArray(3, 2),
        receive_array=PlanarArray(*shape),
        transmit_beams=phase_shifter_beams(symbols, 6, chains, rng),
        receive_beams=phase_shifter_beams(symbols, shape[0] * shape[1], chains, rng),
        pilots=np.exp(2j * np.pi * rng.uniform(size=(symbols, chains))),
        symbol_times=np.arange(symbols) * 1.25 / SPACING,
        frequencies=(np.arange(subcarriers) - (subcarriers - 1) / 2) * SPACING,
        coupling=coupling,
    )


def make_paths(rng, count):
    return Paths(
        gain=rng.normal(size=count) + 1j * rng.normal(size=count),
        arrival=rng.uniform(-0.7, 0.7, (count, 2)),
        departure=rng.uniform(-0.7, 0.7, (count, 2)),
        delay=rng.uniform(0, 3e-6, count),
        doppler=rng.uniform(-1e3, 1e3, count),
    )


def to_vector(paths):
    """Unknowns path by path, in units that make them alike."""
    rows = [
        paths.gain.real,
        paths.gain.imag,
        *paths.arrival.T,
        *paths.departure.T,
        paths.delay * 1e6,
        paths.doppler * 1e-4,
    ]
    return np.stack(rows, axis=-1).ravel()


UNITS = np.array([1, 1, 1, 1, 1, 1, 1e6, 1e-4])


def from_vector(vector):
    rows = vector.reshape(-1, 8).T
    return Paths(rows[0] + 1j * rows[1], rows[2:4].T, rows[4:6].T, rows[6] * 1e-6, rows[7] * 1e4)


def jacobian_of(model, paths, step=1e-5):
    """(Ms, Nsc, Nrf, 8 L) differences of `synthesize`, which knows nothing of derivatives."""
    vector = to_vector(paths)
    columns = [
        (
            synthesize(model, from_vector(vector + step * axis))
            - synthesize(model, from_vector(vector - step * axis))
        )
        / (2 * step)
        for axis in np.eye(len(vector))
    ]
    return np.stack(columns, axis=-1) * np.tile(UNITS, len(paths))


def numeric_information(model, paths, noise_power):
    jacobian = jacobian_of(model, paths).reshape(-1, 8 * len(paths))
    return 2 / noise_power * (jacobian.conj().T @ jacobian).real


@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("count", [1, 3])
def test_information_against_differences(coupling, count):
    rng = np.random.default_rng(5)
    model, paths = make_model(rng, coupling=coupling), make_paths(rng, count)
    exact = fisher_information(model, paths, 0.3)
    numeric = numeric_information(model, paths, 0.3)
    assert exact.shape == (8 * count, 8 * count)
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert_allclose(exact / scale, numeric / scale, atol=1e-7)


@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_covariance_is_the_block_of_the_inverse(coupling):
    rng = np.random.default_rng(6)
    model, paths = make_model(rng, symbols=8, coupling=coupling), make_paths(rng, 2)
    units = np.tile(UNITS, 2)
    information = fisher_information(model, paths, 0.3) / np.outer(units, units)
    inverse = np.linalg.inv(information) * np.outer(1 / units, 1 / units)
    found = path_covariance(model, paths, 0.3)
    for path in range(2):
        own = slice(8 * path + 2, 8 * path + 8)
        scale = np.sqrt(np.outer(np.diag(found[path]), np.diag(found[path])))
        assert_allclose(found[path] / scale, inverse[own, own] / scale, atol=1e-7)


def test_delay_of_one_path_in_closed_form():
    # Centred subcarriers decouple the delay from all else: 0.67334 m at 0 dB.
    rng = np.random.default_rng(7)
    symbols, subcarriers, chains = 8, 32, 8
    model = make_model(rng, symbols, subcarriers, chains)
    paths = make_paths(rng, 1)
    noise_power = np.mean(np.abs(synthesize(model, paths)) ** 2)
    deviation = 3e8 * np.sqrt(path_covariance(model, paths, noise_power)[0, DELAY, DELAY])
    beta = SPACING * np.sqrt((subcarriers**2 - 1) / 12)
    formula = 3e8 / (2 * np.pi * beta * np.sqrt(2 * symbols * subcarriers * chains))
    assert_allclose(deviation, formula, rtol=1e-9)
    assert_allclose(deviation, 0.67334, atol=5e-6)


def test_more_unknown_paths_never_help():
    rng = np.random.default_rng(8)
    model, paths = make_model(rng, symbols=8), make_paths(rng, 3)
    alone = Paths(
        paths.gain[:1], paths.arrival[:1], paths.departure[:1], paths.delay[:1], paths.doppler[:1]
    )
    growth = path_covariance(model, paths, 1.0)[0] - path_covariance(model, alone, 1.0)[0]
    scale = np.tile(UNITS[2:], (6, 1))
    assert np.min(np.linalg.eigvalsh(growth * scale * scale.T)) > 0


def test_gain_and_noise_only_scale():
    rng = np.random.default_rng(9)
    model, paths = make_model(rng), make_paths(rng, 1)
    louder = replace(paths, gain=paths.gain * 2j)
    found = path_covariance(model, paths, 0.1)[0]
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert_allclose(path_covariance(model, louder, 0.2)[0] / scale, found / scale / 2, atol=1e-9)


def unidentified(covariance):
    """Names whose variance is infinite, after checking that the others are proper."""
    lost = np.isinf(np.diag(covariance))
    assert_array_equal(covariance[lost][:, ~lost], 0.0)
    assert np.all(np.linalg.eigvalsh(covariance[~lost][:, ~lost] * 1e6) > 0)
    return {name for name, gone in zip(PATH_PARAMETERS, lost, strict=True) if gone}


def test_what_a_frame_cannot_measure_has_infinite_variance():
    rng = np.random.default_rng(10)
    paths = make_paths(rng, 1)
    full = make_model(rng, coupling="physical", symbols=8)
    assert unidentified(path_covariance(full, paths, 1.0)[0]) == set()

    # the same beams and pilots in every symbol: departure is one more complex factor
    same = replace(
        full,
        transmit_beams=np.repeat(full.transmit_beams[:1], 8, axis=0),
        pilots=np.repeat(full.pilots[:1], 8, axis=0),
    )
    found = path_covariance(same, paths, 1.0)[0]
    assert unidentified(found) == {"departure_x", "departure_y"}

    one_symbol = make_model(rng, symbols=1, chains=8)
    assert unidentified(path_covariance(one_symbol, paths, 1.0)[0]) == {"doppler"}
    one_subcarrier = make_model(rng, subcarriers=1, symbols=8)
    assert unidentified(path_covariance(one_subcarrier, paths, 1.0)[0]) == {"delay"}
    row = make_model(rng, shape=(4, 1))
    assert unidentified(path_covariance(row, paths, 1.0)[0]) == {"arrival_y"}


def test_unidentified_nuisance_counts_as_known_to_the_rest():
    # What the frame cannot distinguish from the gain may be fixed without loss: the bound of all
    # else is that of a model in which departure is no unknown.
    rng = np.random.default_rng(11)
    model = make_model(rng, coupling="physical", symbols=8)
    same = replace(
        model,
        transmit_beams=np.repeat(model.transmit_beams[:1], 8, axis=0),
        pilots=np.repeat(model.pilots[:1], 8, axis=0),
    )
    paths = make_paths(rng, 1)
    units = np.delete(UNITS, [4, 5])
    information = np.delete(fisher_information(same, paths, 1.0), [4, 5], axis=0)
    information = np.delete(information, [4, 5], axis=1) / np.outer(units, units)
    expected = (np.linalg.inv(information) / np.outer(units, units))[2:, 2:]
    found = np.delete(path_covariance(same, paths, 1.0)[0], DEPARTURE, axis=0)
    found = np.delete(found, DEPARTURE, axis=1)
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert_allclose(found / scale, expected / scale, atol=1e-9)


def test_two_paths_at_one_place_are_not_distinguished():
    rng = np.random.default_rng(12)
    model, path = make_model(rng), make_paths(rng, 1)
    twins = Paths(*(np.repeat(getattr(path, name), 2, axis=0) for name in path.__dict__))
    assert np.all(np.isinf(np.diagonal(path_covariance(model, twins, 1.0), axis1=1, axis2=2)))


def test_a_path_without_gain_says_nothing_and_disturbs_nobody():
    rng = np.random.default_rng(13)
    model, paths = make_model(rng, symbols=8), make_paths(rng, 2)
    silent = replace(paths, gain=np.array([paths.gain[0], 0.0]))
    found = path_covariance(model, silent, 1.0)
    assert unidentified(found[0]) == set()
    assert unidentified(found[1]) == set(PATH_PARAMETERS)


@pytest.mark.parametrize("noise_power", [0.0, -1.0, np.nan])
def test_noise_power_must_be_positive(noise_power):
    rng = np.random.default_rng(14)
    with pytest.raises(ValueError, match="noise_power"):
        fisher_information(make_model(rng), make_paths(rng, 1), noise_power)


def test_combs_with_offsets_against_a_grid_with_holes():
    """Rows of a comb each at an offset of its own, against one row of all subcarriers for each."""
    rng = np.random.default_rng(12)
    offsets = np.array([0, 2, 1, 3]) * SPACING
    model = make_model(rng)
    comb = replace(model, frequencies=4 * model.frequencies, offsets=offsets)
    paths = make_paths(rng, 2)
    information = fisher_information(comb, paths, 0.3)
    # Symbol by symbol: the same subcarriers, as a model of its own without offsets.
    alone = [
        replace(
            comb,
            transmit_beams=comb.transmit_beams[m : m + 1],
            receive_beams=comb.receive_beams[m : m + 1],
            pilots=comb.pilots[m : m + 1],
            symbol_times=comb.symbol_times[m : m + 1],
            frequencies=comb.frequencies + offset,
            offsets=np.zeros(1),
        )
        for m, offset in enumerate(offsets)
    ]
    parts = [fisher_information(model, paths, 0.3) for model in alone]
    # of parameters of mixed units, each in units of its own
    unit = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    assert_allclose(information / unit, np.sum(parts, axis=0) / unit, rtol=0, atol=3e-15)
    frame = np.concatenate([synthesize(model, paths) for model in alone])
    assert_allclose(synthesize(comb, paths), frame, atol=1e-12)


@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_elements_count_with_their_energy(coupling):
    """Also those of which nothing is known."""
    rng = np.random.default_rng(31)
    model, paths = make_model(rng, coupling=coupling), make_paths(rng, 2)
    power = rng.uniform(0, 3, (4, 8)) * (rng.uniform(size=(4, 8)) < 0.7)
    columns = jacobian_of(model, paths)
    weighted = columns * power[..., None, None]
    expected = 2 / 0.3 * np.einsum("mnip,mniq->pq", columns.conj(), weighted).real
    unit = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    found = fisher_information(model, paths, 0.3, power)
    assert_allclose(found / unit, expected / unit, atol=1e-7)
    ones = fisher_information(model, paths, 0.3, np.ones((4, 8)))
    assert_allclose(ones / unit, fisher_information(model, paths, 0.3) / unit, atol=1e-14)


def test_what_patterns_of_unknown_amount_explain_says_nothing():
    rng = np.random.default_rng(32)
    model, paths = make_model(rng), make_paths(rng, 1)
    patterns = np.linalg.qr(rng.standard_normal((8, 2)))[0]
    columns = jacobian_of(model, paths)
    columns = columns - np.einsum("nk,lk,mlip->mnip", patterns, patterns, columns)
    expected = 2 / 0.3 * np.einsum("mnip,mniq->pq", columns.conj(), columns).real
    unit = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    found = fisher_information(model, paths, 0.3, nuisance=patterns)
    assert_allclose(found / unit, expected / unit, atol=1e-7)
