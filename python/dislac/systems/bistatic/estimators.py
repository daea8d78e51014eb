# SPDX-License-Identifier: GPL-3.0-or-later
"""Path estimators of a scenario, behind direct-signal cancellation where there is to be any."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...channel import Paths, SnapshotModel
from ...estimation import (
    ESTIMATORS,
    DataAided,
    DirectPathMeter,
    DirectSignalCancellation,
    Estimator,
    InterferenceCancellation,
    StaticCancellation,
    direct_path_patterns,
    make_estimator,
)
from ...scenario.about import about
from ...scenario.kept import kept
from ...scenario.model import Scenario
from ...scenario.reception import HELD, direct_beams, path_beams
from ...scenario.routes import directions, known_response, payload_model, snapshot_model
from ...scenario.timing import reference_link
from ...waveform import (
    intercarrier_interference,
    intercarrier_leakage,
    intersymbol_leakage,
)
from .settings import settings_of

__all__ = [
    "EDGE",
    "FRAME_PER_RINGING",
    "RINGING",
    "SUBCARRIERS_PER_EDGE",
    "data_aided_estimator",
    "estimator",
]


@about("estimator")
def estimator(scenario: Scenario) -> Estimator:
    """The estimator that the scenario chooses, behind direct-signal cancellation if there is to be
    any."""
    model, settings = snapshot_model(scenario), scenario.synchronization
    if settings.removal == "none":
        return _strong_paths_too(scenario, _estimator(scenario, model))
    numerology = scenario.numerology
    # Where the next symbol begins, and where the one before ends.
    least = -numerology.window_advance / numerology.sample_rate
    most = least + numerology.shortest_prefix / numerology.sample_rate
    meter = DirectPathMeter(model, (least, most), scenario.windows.doppler)
    response = partial(_direct_response, scenario)
    if settings.removal == "static":
        chosen = _estimator(scenario, model)
        return StaticCancellation(chosen, meter, response, settings.memory)
    patterns = direct_path_patterns(model)
    chosen = _strong_paths_too(scenario, _estimator(scenario, model, patterns), patterns)
    return DirectSignalCancellation(
        chosen, meter, response, partial(_leaks, scenario), settings.timing_deviation
    )


def _direct_response(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(Ms, Nrf) of the direct path in a frame: linear between every `HELD` frames."""
    past = frame % HELD
    before = _direct_response_at(scenario, frame - past)
    if not past:
        return before
    return before + past / HELD * (_direct_response_at(scenario, frame - past + HELD) - before)


@kept
def _direct_response_at(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    return np.asarray(known_response(scenario, [frame])[0])


RINGING = 4
"""Samples of ringing that are fitted at the edges of the direct path's symbols, in as many of a
frame's dimensions, or twice as many."""


FRAME_PER_RINGING = 128
"""Elements that a frame has for each of those, at least: they take some of an echo with them."""


def _leaks(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(K, Ms, Nrf, Nsc) what of the direct path may leak from subcarrier to subcarrier, as it is
    shifted in frequency, and ring into the windows before its symbols."""
    return _leaks_at(scenario, frame - frame % HELD, frame % scenario.pilots.cycle)


@kept
def _leaks_at(scenario: Scenario, frame: int, pilots: int) -> NDArray[np.complex128]:
    model, numerology = snapshot_model(scenario), scenario.numerology
    count = min(RINGING, int(np.prod(model.shape)) // FRAME_PER_RINGING)
    if scenario.payload is not None or not count:
        symbols, subcarriers, chains = model.shape
        return np.zeros((0, symbols, chains, subcarriers), complex)  # the next symbol is not known
    transmit, receive = direct_beams(scenario, frame)
    gapless = numerology.frame_period < numerology.frame_length + numerology.window_advance + count
    grids = [scenario.pilots.grid(k).astype(complex) for k in (pilots, pilots + 1)]
    # Filters before and behind the transmit beams, which switch from symbol to symbol, ring.
    before, behind = (
        [grid if first else grid * transmit.T[:, :, None] for grid in grids] for first in (1, 0)
    )
    if scenario.coupling == "physical":
        kinds = [([np.sum(g, axis=0, keepdims=True) for g in behind], receive)]
    else:
        kinds = [(behind, receive), (before, transmit * receive)]
    # A shift is the same for all subcarriers; a delay that drifts shifts each by its frequency.
    shifted = np.ones(numerology.subcarriers, complex), numerology.frequencies + 0j
    leaks = [
        intercarrier_leakage(kinds[0][0][0] * each, numerology) * receive.T[:, :, None]
        for each in shifted
    ]
    for sent, gains in kinds[: 1 + bool(np.any(transmit != transmit[0]))]:
        for early in numerology.window_advance + 1 + np.arange(count):
            leaked = intersymbol_leakage(
                sent[0], numerology, int(early), sent[1] if gapless else None
            )
            leaks.append(leaked * gains.T[:, :, None])
    frames = [scenario.pilots.descramble(leak, pilots) for leak in leaks]
    return np.ascontiguousarray(np.swapaxes(frames, 2, 3), dtype=complex)


EDGE = 8
"""Samples at the beginning of transform windows that may be left out: as long as the emulator's
filters ring where half of the sample rate is in use. They take some of an echo with them."""


SUBCARRIERS_PER_EDGE = 10
"""Subcarriers that there are for each of those, at least."""


def _strong_paths_too(
    scenario: Scenario, chosen: Estimator, nuisance: NDArray[np.float64] | None = None
) -> Estimator:
    """An estimator that interference does not bend, where it is one that reaches the bound."""
    if not ESTIMATORS[settings_of(scenario).kind].reaches_bound:
        return chosen
    leak, edges = partial(_interference, scenario), partial(_edges, scenario)
    spacing = scenario.numerology.subcarrier_spacing
    return InterferenceCancellation(chosen, leak, edges, spacing, nuisance)


def _interference(scenario: Scenario, paths: Paths, frame: int) -> NDArray[np.complex128]:
    """(R, Nq, Nrf) what Doppler takes from subcarrier to subcarrier of paths in a frame."""
    numerology, pilots = scenario.numerology, scenario.pilots
    grid = pilots.grid(frame).astype(complex)
    total = np.zeros((scenario.receive_chains, *grid.shape[1:]), complex)
    for arrival, departure, gain, delay, doppler in zip(
        paths.arrival, paths.departure, paths.gain, paths.delay, paths.doppler, strict=True
    ):
        transmit, receive = path_beams(scenario, arrival, departure)
        sent = grid * transmit.T[:, :, None]
        if scenario.coupling == "physical":
            sent = sent.sum(axis=0, keepdims=True)
        tone = gain * np.exp(-2j * np.pi * delay * numerology.frequencies)
        turn = np.exp(2j * np.pi * doppler * numerology.symbol_times)
        shifted = intercarrier_interference(sent * tone, numerology, float(doppler))
        total += shifted * (receive.T * turn)[:, :, None]
    return np.asarray(pilots.descramble(total, frame), dtype=complex)


def _edges(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(R, Nq, K) what each of the first samples of a transform window is in a frame."""
    numerology, pilots = scenario.numerology, scenario.pilots
    scrambling = pilots.scrambling[frame % pilots.cycle]
    count = min(EDGE, scrambling.shape[1] // SUBCARRIERS_PER_EDGE)
    time = (np.arange(count) - numerology.window_advance) / numerology.sample_rate
    frequencies = numerology.frequencies[pilots.subcarriers][..., None]
    return np.asarray(scrambling.conj()[..., None] * np.exp(-2j * np.pi * frequencies * time))


def _estimator(
    scenario: Scenario, model: SnapshotModel, nuisance: NDArray[np.float64] | None = None
) -> Estimator:
    settings = settings_of(scenario)
    departure = None
    if ESTIMATORS[settings.kind].needs_departure and scenario.coupling == "physical":
        # Seen from a satellite, the target lies where the receiver lies.
        departure = directions(scenario, reference_link(scenario), 0.0)[1]
    return make_estimator(
        settings.kind,
        model,
        grid_points=settings.grid_points,
        max_paths=settings.max_paths,
        false_alarm_rate=settings.false_alarm_rate,
        delay_window=settings.delay_window,
        doppler_window=settings.doppler_window,
        reference_departure=departure,
        nuisance=nuisance,
    )


def data_aided_estimator(scenario: Scenario, sent: Callable[[int], ArrayLike]) -> DataAided:
    """The scenario's estimator, from all of a frame that is known; see `Payload.grid`.

    Parameters
    ----------
    sent
        frame number -> (Ms, Nsc), what was sent; zero where that is not known.

    Raises
    ------
    ValueError
        the scenario has no payload, or a direct path that is to be taken off.
    """
    if scenario.synchronization.removal != "none":
        raise ValueError(
            "what is data-aided takes no direct path off; leave that path out, with the overrides "
            "ECHO_ALONE, or set synchronization.removal to none"
        )
    return DataAided(_estimator(scenario, payload_model(scenario)), sent)
