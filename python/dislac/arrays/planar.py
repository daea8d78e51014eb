# SPDX-License-Identifier: GPL-3.0-or-later
"""Uniform planar arrays at half-wavelength spacing.

Element order, stated here and nowhere else: element (n_x, n_y) has index n_x * ny + n_y,
so a steering vector is kron(v_x, v_y).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

__all__ = ["PlanarArray", "spatial_frequency_grid", "wrap_spatial_frequency"]


@dataclass(frozen=True)
class PlanarArray:
    """An nx x ny array in its body's xy plane.

    Parameters
    ----------
    nx, ny
        elements along the body's x and y axes.
    orientation
        rotation from the body frame to the scene's frame.

    Examples
    --------
    To a wave along the x axis, elements half a wavelength apart there are in antiphase.

    >>> import numpy as np
    >>> from gnuradio.dislac.arrays import PlanarArray
    >>> array = PlanarArray(nx=2, ny=2)
    >>> u = array.spatial_frequency([1.0, 0.0, 0.0])
    >>> np.round(array.steering(u).real, 9).tolist()
    [0.5, 0.5, -0.5, -0.5]
    """

    nx: int
    ny: int
    orientation: Rotation = field(default_factory=Rotation.identity)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.nx * self.ny

    @cached_property
    def element_positions(self) -> NDArray[np.float64]:
        """(size, 2) indices (n_x, n_y) of the elements, which lie half a wavelength apart.

        The derivative of `steering` with respect to u_x is j pi n_x times itself, likewise u_y.
        """
        positions = np.stack(np.divmod(np.arange(self.size), self.ny), axis=-1).astype(float)
        positions.setflags(write=False)
        return positions

    @property
    def measured_axes(self) -> tuple[int, ...]:
        """The axes, 0 for x and 1 for y, whose spatial frequency the array measures: an axis with
        a single element measures nothing."""
        return tuple(axis for axis, count in enumerate((self.nx, self.ny)) if count > 1)

    def spatial_frequency(self, direction: ArrayLike) -> NDArray[np.float64]:
        """Spatial frequency (..., 2) of a direction (..., 3) given in the scene's frame."""
        return self.in_body(direction)[..., :2]

    def in_body(self, vector: ArrayLike) -> NDArray[np.float64]:
        """Components (..., 3) in the body's frame of vectors (..., 3) in the scene's."""
        u = np.asarray(vector, dtype=float)
        return np.asarray(self._to_body.apply(u.reshape(-1, 3)).reshape(u.shape))

    @cached_property
    def _to_body(self) -> Rotation:
        return self.orientation.inv()

    def direction(self, spatial_frequency: ArrayLike, *, below: bool = True) -> NDArray[np.float64]:
        """Unit vector (..., 3) in the scene's frame with this spatial frequency (..., 2).

        An array in a plane cannot distinguish one half-space from the other: `below` says that the
        body's z component is negative. Outside the unit disc there is no such direction; the
        nearest one, in the array's plane, is returned.
        """
        xy = np.asarray(spatial_frequency, dtype=float)
        norm = np.linalg.norm(xy, axis=-1, keepdims=True)
        xy = xy / np.maximum(norm, 1.0)
        z = np.sqrt(np.maximum(0.0, 1.0 - np.sum(xy**2, axis=-1, keepdims=True)))
        body = np.concatenate([xy, -z if below else z], axis=-1)
        return np.asarray(self.orientation.apply(body.reshape(-1, 3)).reshape(body.shape))

    def steering(self, spatial_frequency: ArrayLike) -> NDArray[np.complex128]:
        """Unit-norm steering vectors (..., size) at spatial frequencies (..., 2).

        Element (n_x, n_y) is exp(j pi (n_x u_x + n_y u_y)) / sqrt(size), for a wave that comes
        from there as for one that is sent there: an element nearer to the far point is earlier.

        References
        ----------
        The phase of a plane wave at p = (n_x, n_y) lambda / 2, exp(j 2 pi p.u / lambda). The
        bistatic localization paper's v of (1) and (2) is its conjugate, which holds at the
        transmitter alone, where the paper conjugates it.
        """
        u = np.asarray(spatial_frequency, dtype=float)
        vx = np.exp(1j * np.pi * u[..., 0, None] * np.arange(self.nx))
        vy = np.exp(1j * np.pi * u[..., 1, None] * np.arange(self.ny))
        v = vx[..., :, None] * vy[..., None, :] / np.sqrt(self.size)
        return np.asarray(v.reshape(*u.shape[:-1], self.size))


def spatial_frequency_grid(points: int) -> NDArray[np.float64]:
    """Spatial frequencies (n, 2) of a points x points grid over [-1, 1]^2 that are directions.

    ``linspace(-1, 1, points)`` on each axis, x slowest, restricted to the unit disc: what lies
    outside is no direction (172 of 256 remain for 16 points).

    Parameters
    ----------
    points
        on each axis.

    Examples
    --------
    The corners of a 3 x 3 grid are no directions.

    >>> from gnuradio.dislac.arrays import spatial_frequency_grid
    >>> spatial_frequency_grid(3).tolist()
    [[-1.0, 0.0], [0.0, -1.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    >>> len(spatial_frequency_grid(16))
    172
    """
    axis = np.linspace(-1.0, 1.0, points)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid[np.sum(grid**2, axis=-1) <= 1.0 + 1e-12]


def wrap_spatial_frequency(spatial_frequency: ArrayLike) -> NDArray[np.float64]:
    """The same spatial frequency in [-1, 1): half-wavelength arrays see them modulo 2.

    Examples
    --------
    >>> from gnuradio.dislac.arrays import wrap_spatial_frequency
    >>> wrap_spatial_frequency([0.5, 1.5]).tolist()
    [0.5, -0.5]
    """
    return np.asarray((np.asarray(spatial_frequency, dtype=float) + 1.0) % 2.0 - 1.0)
