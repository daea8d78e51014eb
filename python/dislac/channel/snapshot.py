# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot model: what one pilot frame looks like after pre-compensation."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray

__all__ = ["Coupling", "Paths", "SnapshotModel", "synthesize"]

Coupling = Literal["paired", "physical"]


@dataclass(frozen=True)
class Paths:
    """Propagation paths as one frame sees them, each array with one row a path.

    Parameters
    ----------
    gain
        (L,) complex gains.
    arrival, departure
        (L, 2) spatial frequencies at the receiver and the transmitter.
    delay
        (L,) residual delays [s].
    doppler
        (L,) residual Doppler shifts [Hz].
    """

    gain: NDArray[np.complex128]
    arrival: NDArray[np.float64]
    departure: NDArray[np.float64]
    delay: NDArray[np.float64]
    doppler: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.gain)


@dataclass(frozen=True)
class SnapshotModel:
    """Everything about a pilot frame that is known before it arrives.

    Parameters
    ----------
    transmit_array, receive_array
        the two planar arrays.
    transmit_beams
        (Ms, Nt, Ntx) beams F_m, unit-norm columns.
    receive_beams
        (Ms, Nr, Nrf) beams W_m, unit-norm columns.
    pilots
        (Ms, Ntx) pilot of each transmit chain, the same on all subcarriers (what scrambles them
        over the subcarriers has been taken off).
    symbol_times
        (Ms,) t_m [s].
    frequencies
        (Nsc,) baseband frequency f_n of each subcarrier [Hz].
    coupling
        ``paired``, receive chain i hears transmit chain i alone, which needs transmit beams
        distinguished; or ``physical``, it hears the sum of all. Only there may their numbers Ntx
        and Nrf differ.
    offsets
        (Ms,) by how much the subcarriers of each symbol lie above `frequencies` [Hz]; by default
        not at all.

    Notes
    -----
    Where pilots are combs, Nsc counts the subcarriers of a comb, and "symbol" means one comb in
    one symbol, of which there may be several at a time: see `waveform.Pilots`.

    References
    ----------
    Bistatic localization paper, (9) and, for `paired`, (10).
    """

    transmit_array: PlanarArray
    receive_array: PlanarArray
    transmit_beams: NDArray[np.complex128]
    receive_beams: NDArray[np.complex128]
    pilots: NDArray[np.complex128]
    symbol_times: NDArray[np.float64]
    frequencies: NDArray[np.float64]
    coupling: Coupling = "paired"
    offsets: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", np.broadcast_to(self.offsets, len(self.symbol_times)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one frame: (Ms, Nsc, Nrf)."""
        return len(self.symbol_times), len(self.frequencies), self.receive_beams.shape[-1]

    @property
    def element_frequencies(self) -> NDArray[np.float64]:
        """(n,) different baseband frequencies at which there are pilots, lowest first [Hz]."""
        every = np.add.outer(self.offsets, self.frequencies)
        return np.unique(np.round(every, 3))  # sums of equal value need not have equal bits

    def receive_response(self, arrival: ArrayLike) -> NDArray[np.complex128]:
        """W_m^H a_r: (..., Ms, Nrf) for spatial frequencies (..., 2)."""
        v = self.receive_array.steering(arrival)
        return np.asarray(np.einsum("mai,...a->...mi", self.receive_beams.conj(), v))

    def transmit_response(self, departure: ArrayLike) -> NDArray[np.complex128]:
        """Pilots as they leave towards spatial frequencies (..., 2).

        (..., Ms, Nrf): a_t^T f_{m,i} s_{m,i} if `paired`, else the same sum a_t^T F_m s_m in
        every chain.
        """
        v = self.transmit_array.steering(departure)
        transmit_response = np.einsum("...a,mai,mi->...mi", v, self.transmit_beams, self.pilots)
        if self.coupling == "physical":
            transmit_response = np.broadcast_to(
                transmit_response.sum(-1, keepdims=True),
                (*transmit_response.shape[:-1], self.receive_beams.shape[-1]),
            )
        return np.asarray(transmit_response)

    def response(self, arrival: ArrayLike, departure: ArrayLike) -> NDArray[np.complex128]:
        """Spatial response (..., Ms, Nrf) of a path of unit gain."""
        return self.receive_response(arrival) * self.transmit_response(departure)


def synthesize(model: SnapshotModel, paths: Paths) -> NDArray[np.complex128]:
    """Noise-free frame y (Ms, Nsc, Nrf) of the given paths.

    Parameters
    ----------
    model
        of the frame.
    paths
        L paths; their gains are amplitudes of the frame.

    References
    ----------
    Bistatic localization paper, (9).

    Examples
    --------
    Between single antennas, a delay of 0.25 ms turns the subcarrier at 1 kHz by a quarter, and a
    Doppler shift of 500 Hz turns the symbol at 1 ms by a half.

    >>> import numpy as np
    >>> from gnuradio.dislac.arrays import PlanarArray
    >>> from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
    >>> antenna, beam, pilots = PlanarArray(1, 1), np.ones((2, 1, 1)), np.ones((2, 1))
    >>> times, frequencies = np.array([0.0, 1e-3]), np.array([0.0, 1e3])
    >>> model = SnapshotModel(antenna, antenna, beam, beam, pilots, times, frequencies)
    >>> zenith = np.zeros((1, 2))
    >>> delay, doppler = np.array([0.25e-3]), np.array([500.0])
    >>> path = Paths(np.ones(1), arrival=zenith, departure=zenith, delay=delay, doppler=doppler)
    >>> np.allclose(synthesize(model, path)[..., 0], [[1, -1j], [-1, 1j]])
    True
    """
    spatial = paths.gain[:, None, None] * model.response(paths.arrival, paths.departure)
    turns = np.outer(paths.doppler, model.symbol_times) - np.outer(paths.delay, model.offsets)
    time = np.exp(2j * np.pi * turns)
    frequency = np.exp(-2j * np.pi * paths.delay[:, None] * model.frequencies)
    return np.asarray(np.einsum("lmi,lm,ln->mni", spatial, time, frequency))
