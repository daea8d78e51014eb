# SPDX-License-Identifier: GPL-3.0-or-later
"""Powers along the link: path loss, absorption, reflection, thermal noise.

Gains are power ratios, powers watts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import Boltzmann

from ..geometry import SPEED_OF_LIGHT

__all__ = [
    "NOMINAL_NOISE_TEMPERATURE",
    "LinkError",
    "absorption",
    "bistatic_gain",
    "direct_power",
    "echo_power",
    "path_gain",
    "thermal_noise",
]

Floats = NDArray[np.float64]

NOMINAL_NOISE_TEMPERATURE = float(10**-20.4 / Boltzmann)
"""Temperature [K] of the customary -174 dBm/Hz, 288.3 K (290 K gives -173.98 dBm/Hz)."""


class LinkError(ValueError):
    """A quantity that no link has."""


def _positive(**quantities: ArrayLike) -> None:
    for name, value in quantities.items():
        if not np.all(np.asarray(value, dtype=float) > 0):
            raise LinkError(f"{name} is {value!s}; it must be positive")


def path_gain(
    distance: ArrayLike,
    carrier_frequency: float,
    exponent: float = 2.0,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> Floats:
    """Gain (c / (4 pi fc))^2 d^-exponent over a distance [m], (...).

    Exponent 2 is free space; the reference distance of the others is 1 m.

    Parameters
    ----------
    distance
        (...) [m].
    carrier_frequency
        [Hz].
    exponent
        of the path loss.
    speed
        of propagation [m/s].

    Raises
    ------
    LinkError
        a distance or the carrier frequency is not positive.

    References
    ----------
    Bistatic localization paper, (5).

    Examples
    --------
    A kilometre in free space at 2.4 GHz.

    >>> import numpy as np
    >>> from gnuradio.dislac.channel import path_gain
    >>> f"{10 * np.log10(path_gain(1e3, 2.4e9)):.2f} dB"
    '-100.05 dB'
    """
    _positive(distance=distance, carrier_frequency=carrier_frequency, speed=speed)
    wavelength = speed / carrier_frequency
    reference = (wavelength / (4 * np.pi)) ** 2
    return np.asarray(reference * np.asarray(distance, dtype=float) ** -exponent)


def absorption(*optical_thickness: ArrayLike) -> Floats:
    """Transmittance exp(-sum of the optical thicknesses) of the gases on the way, (...).

    Raises
    ------
    LinkError
        a thickness is negative.

    References
    ----------
    Bistatic localization paper, (6).
    """
    total = sum((np.asarray(t, dtype=float) for t in optical_thickness), np.zeros(()))
    if not np.all(np.asarray(total) >= 0):
        raise LinkError(f"the optical thickness is {total}; it must not be negative")
    return np.asarray(np.exp(-total))


def bistatic_gain(
    distances: tuple[ArrayLike, ArrayLike],
    carrier_frequency: float,
    cross_section: ArrayLike,
    exponents: tuple[float, float] = (2.0, 2.0),
    *,
    speed: float = SPEED_OF_LIGHT,
) -> Floats:
    """Gain from transmitter over a target to the receiver, between isotropic antennas, (...).

    The bistatic radar equation sigma lambda^2 / ((4 pi)^3 d1^2 d2^2): the path gains of both
    legs and the reflection 4 pi sigma / lambda^2, P_RCS of the paper.

    Parameters
    ----------
    distances
        transmitter to target, target to receiver [m].
    cross_section
        bistatic radar cross-section sigma [m^2].
    exponents
        path-loss exponents of the legs.

    Raises
    ------
    LinkError
        a distance, the cross-section or the carrier frequency is not positive.

    Examples
    --------
    Over 1 m^2 at 1 km from both, at a wavelength of 1 m: 1 / (4 pi)^3 / 10^12.

    >>> import numpy as np
    >>> from gnuradio.dislac.channel import bistatic_gain
    >>> gain = bistatic_gain((1e3, 1e3), 299792458.0, cross_section=1.0)
    >>> f"{10 * np.log10(gain):.2f} dB"
    '-152.98 dB'
    """
    _positive(cross_section=cross_section)
    legs = [
        path_gain(d, carrier_frequency, e, speed=speed)
        for d, e in zip(distances, exponents, strict=True)
    ]
    reflection = 4 * np.pi * np.asarray(cross_section, dtype=float)
    return np.asarray(legs[0] * legs[1] * reflection * (carrier_frequency / speed) ** 2)


def direct_power(
    eirp: ArrayLike,
    receive_gain: ArrayLike,
    distance: ArrayLike,
    carrier_frequency: float,
    *,
    exponent: float = 2.0,
    transmittance: ArrayLike = 1.0,
    speed: float = SPEED_OF_LIGHT,
) -> Floats:
    """Power [W] received without any reflection, (...).

    Parameters
    ----------
    eirp
        radiated power [W] times transmit gain.
    receive_gain
        of the receive antenna.
    distance
        [m].
    exponent
        path-loss exponent.
    transmittance
        of the atmosphere, see `absorption`.
    """
    gain = path_gain(distance, carrier_frequency, exponent, speed=speed)
    return np.asarray(
        gain * np.asarray(eirp) * np.asarray(receive_gain) * np.asarray(transmittance)
    )


def echo_power(
    eirp: ArrayLike,
    receive_gain: ArrayLike,
    distances: tuple[ArrayLike, ArrayLike],
    carrier_frequency: float,
    cross_section: ArrayLike,
    *,
    exponents: tuple[float, float] = (2.0, 2.0),
    transmittance: ArrayLike = 1.0,
    speed: float = SPEED_OF_LIGHT,
) -> Floats:
    """Power [W] received over a target, (...); arguments as of `direct_power` and
    `bistatic_gain`."""
    gain = bistatic_gain(distances, carrier_frequency, cross_section, exponents, speed=speed)
    return np.asarray(
        gain * np.asarray(eirp) * np.asarray(receive_gain) * np.asarray(transmittance)
    )


def thermal_noise(
    bandwidth: ArrayLike,
    *,
    temperature: float = NOMINAL_NOISE_TEMPERATURE,
    noise_factor: float = 1.0,
) -> Floats:
    """Noise power k T B F [W], (...).

    Parameters
    ----------
    bandwidth
        B, (...) [Hz].
    temperature
        T [K].
    noise_factor
        F, linear.

    Raises
    ------
    LinkError
        the bandwidth, the temperature or the noise factor is not positive.

    Examples
    --------
    One megahertz behind an amplifier with a noise figure of 3 dB: -174 + 60 + 3 dBm.

    >>> import numpy as np
    >>> from gnuradio.dislac.channel import thermal_noise
    >>> f"{10 * np.log10(thermal_noise(1e6, noise_factor=10**0.3) / 1e-3):.2f} dBm"
    '-111.00 dBm'
    """
    _positive(bandwidth=bandwidth, temperature=temperature, noise_factor=noise_factor)
    return np.asarray(Boltzmann * temperature * np.asarray(bandwidth, dtype=float) * noise_factor)
