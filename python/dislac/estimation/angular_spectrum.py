# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a frame over directions of arrival."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel

__all__ = ["AngularPeak", "AngularSpectrum"]

Floats = NDArray[np.float64]


class AngularPeak(NamedTuple):
    """Spatial frequency (2,) of the peak, and the spectrum there."""

    arrival: Floats
    gain: float


class AngularSpectrum:
    """Bartlett's spectrum of a frame over the disc of visible directions.

    With y_n the frame's coefficients (symbol by symbol, chain by chain) on subcarrier n, and r(u)
    what a path of unit gain from direction u makes of them,
    P(u) = sum_n |r(u)^H y_n|^2 / |r(u)|^2: subcarriers count as snapshots, so that every path
    shows, whatever its delay.

    Parameters
    ----------
    model
        of the frames to come.
    points
        of each axis.

    Attributes
    ----------
    axis
        (G,) of either direction cosine, from -1 to 1.
    visible
        (G, G), u_x by u_y: where there is a direction, and the points beside these, so that a
        picture has no ragged edge.

    References
    ----------
    H. L. Van Trees, Optimum Array Processing, 2002, section 9.2 (conventional spectrum), for the
    arrays' responses through changing beams.
    """

    def __init__(self, model: SnapshotModel, points: int = 41) -> None:
        self.model = model
        self.axis = np.linspace(-1.0, 1.0, points)
        grid = np.stack(np.meshgrid(self.axis, self.axis, indexing="ij"), axis=-1)
        radius = np.linalg.norm(grid, axis=-1)
        self._directions = radius <= 1.0 + 1e-12
        self.visible = radius <= 1.0 + 1.5 * 2.0 / max(points - 1, 1)
        response = model.receive_response(grid[self.visible])
        # Where no beam looks the spectrum is left at zero.
        self._conjugates = response.conj().reshape(len(response), -1).astype(np.complex64)
        self._powers = np.abs(self._conjugates) ** 2

    def gain(
        self, frame: ArrayLike, departure: ArrayLike, doppler: float = 0.0, delay: float = 0.0
    ) -> Floats:
        """P(u) (G, G) over what white noise of the same energy has on average.

        From one (noise, on average) to Ms Nrf (nothing but one path, at a grid point); NaN where
        nothing is visible.

        Parameters
        ----------
        frame
            y (Ms, Nsc, Nrf).
        departure
            (2,) spatial frequency at which the paths leave the transmitter.
        doppler
            residual Doppler shift of the paths [Hz].
        delay
            their residual delay [s], which counts only where the subcarriers of symbols differ
            (`SnapshotModel.offsets`).
        """
        y = np.asarray(frame, dtype=np.complex64)
        energy = float(np.sum(y.real**2 + y.imag**2))
        model = self.model
        transmit = model.transmit_response(departure)
        turn = np.exp(2j * np.pi * (delay * model.offsets - doppler * model.symbol_times))
        weights = (transmit.conj() * turn[:, None]).astype(np.complex64)
        received = np.moveaxis(y * weights[:, None, :], 1, -1).reshape(-1, y.shape[1])
        match = self._conjugates @ received
        power = np.sum(match.real**2 + match.imag**2, axis=-1)
        norm = self._powers @ np.abs(weights.ravel()) ** 2
        spectrum = np.full(self.visible.shape, np.nan)
        least = np.finfo(np.float32).tiny
        spectrum[self.visible] = (
            len(received) * power / np.maximum(norm * max(energy, least), least)
        )
        return spectrum

    def peak(self, spectrum: Floats) -> AngularPeak:
        """Position of the maximum of a spectrum (G, G), between the grid's points too.

        A parabola along each axis through the logarithms beside the greatest point.
        """
        inside = np.where(self._directions, spectrum, -np.inf)
        x, y = np.unravel_index(int(np.argmax(inside)), spectrum.shape)
        near = np.log(np.maximum(np.pad(spectrum, 1, constant_values=np.nan), 1e-30))
        step = self.axis[1] - self.axis[0] if len(self.axis) > 1 else 0.0
        moved = [_vertex(near[x : x + 3, y + 1]), _vertex(near[x + 1, y : y + 3])]
        arrival = np.array([self.axis[x], self.axis[y]]) + step * np.array(moved)
        return AngularPeak(arrival, float(spectrum[x, y]))


def _vertex(values: Floats) -> float:
    """Position of the maximum of the parabola through values (3,) at -1, 0, 1; 0 if it has none."""
    before, at, after = values
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
