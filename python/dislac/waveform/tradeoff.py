# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolution and limits of an OFDM waveform that is used as a radar.

Ranges and velocities are those of a monostatic radar, half of what the two-way delay and Doppler
say; a bistatic range, along the whole path, is twice as much.
"""

import math
from dataclasses import dataclass

from ..geometry import SPEED_OF_LIGHT

__all__ = ["SensingWaveform", "aligned_beam_radius", "carrier_for_velocity", "echo_excess_delay"]


@dataclass(frozen=True)
class SensingWaveform:
    """An OFDM waveform as a radar sees it.

    Parameters
    ----------
    carrier_frequency
        f_c [Hz].
    subcarrier_spacing
        df [Hz].
    subcarriers
        N_sc occupied subcarriers.
    symbols
        coherent symbols.
    symbol_duration
        T without prefix [s]; 1 / df where None.
    cyclic_prefix
        [s].

    Raises
    ------
    ValueError
        a number that is not above zero (the prefix: below zero).

    References
    ----------
    The LEO constellations paper, case study 3, Fig. 5(a), which takes T = 1 / df.

    Examples
    --------
    Ranges are unambiguous up to c / (2 df), and their resolution is a 1024th of it; velocities are
    unambiguous up to c df / (4 f_c).

    >>> from gnuradio.dislac.waveform.tradeoff import SensingWaveform
    >>> waveform = SensingWaveform(28e9, 120e3, subcarriers=1024, symbols=14)
    >>> f"{waveform.unambiguous_range:.1f} m, {waveform.range_resolution:.2f} m"
    '1249.1 m, 1.22 m'
    >>> f"{waveform.unambiguous_velocity:.0f} m/s"
    '321 m/s'
    """

    carrier_frequency: float
    subcarrier_spacing: float
    subcarriers: int = 1024
    symbols: int = 1
    symbol_duration: float | None = None
    cyclic_prefix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("carrier_frequency", "subcarrier_spacing", "subcarriers", "symbols"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name):g}; give more than 0")
        if self.symbol_duration is not None and not 0 < self.symbol_duration < math.inf:
            raise ValueError(f"symbol_duration is {self.symbol_duration:g} s; give more than 0")
        if not 0 <= self.cyclic_prefix < math.inf:
            raise ValueError(f"cyclic_prefix is {self.cyclic_prefix:g} s; give 0 or more")

    @property
    def useful_duration(self) -> float:
        """T: the symbol without its prefix [s]."""
        if self.symbol_duration is None:
            return 1 / self.subcarrier_spacing
        return self.symbol_duration

    @property
    def symbol_period(self) -> float:
        """From the start of one symbol to that of the next, prefix included [s]."""
        return self.useful_duration + self.cyclic_prefix

    @property
    def unambiguous_range(self) -> float:
        """c / (2 df) [m]."""
        return SPEED_OF_LIGHT / (2 * self.subcarrier_spacing)

    @property
    def range_resolution(self) -> float:
        """c / (2 N_sc df) [m]."""
        return self.unambiguous_range / self.subcarriers

    @property
    def unambiguous_velocity(self) -> float:
        """Greatest velocity of either sign, c / (4 f_c period) [m/s]."""
        return SPEED_OF_LIGHT / (4 * self.carrier_frequency * self.symbol_period)

    @property
    def velocity_resolution(self) -> float:
        """c / (2 f_c symbols period) [m/s]."""
        return 2 * self.unambiguous_velocity / self.symbols

    @property
    def is_orthogonal(self) -> bool:
        """True if a symbol is as long as 1 / df, or longer."""
        return self.useful_duration * self.subcarrier_spacing >= 1 - 1e-9

    def warnings(
        self,
        *,
        excess_delay: float | None = None,
        beam_radius: float | None = None,
        max_zenith: float = math.pi / 2,
    ) -> list[str]:
        """Warnings of what will not work, one sentence each; none if all is well.

        Parameters
        ----------
        excess_delay
            by how much the latest path of the scene comes after the first [s].
        beam_radius
            of the area that satellites serve together, with delays aligned at its centre [m].
        max_zenith
            greatest zenith angle of those satellites there [rad].
        """
        found = []
        if not self.is_orthogonal:
            found.append(
                f"a symbol of {self.useful_duration * 1e6:g} us is shorter than 1 / spacing = "
                f"{1e6 / self.subcarrier_spacing:g} us: its subcarriers are not orthogonal"
            )
        prefix = self.cyclic_prefix
        if excess_delay is not None and prefix < excess_delay:
            found.append(
                f"a prefix of {prefix * 1e6:.4g} us is shorter than the scene's excess delay of "
                f"{excess_delay * 1e6:.4g} us: symbols run into one another"
            )
        if beam_radius is not None:
            radius = aligned_beam_radius(prefix, max_zenith)
            if beam_radius > radius:
                found.append(
                    f"a beam of radius {beam_radius / 1e3:g} km is wider than the "
                    f"{radius / 1e3:.4g} km within which a prefix of {prefix * 1e6:.4g} us holds "
                    f"satellites up to {math.degrees(max_zenith):g} deg from the zenith"
                )
        return found


def aligned_beam_radius(cyclic_prefix: float, max_zenith: float) -> float:
    """Distance from a beam's centre [m] up to which delays aligned there stay within the prefix.

    c T_cp / (2 sin z_max): at a distance r the delays of satellites on opposite sides differ by
    2 r sin(z_max) / c.

    Parameters
    ----------
    cyclic_prefix
        T_cp [s].
    max_zenith
        greatest zenith angle of the satellites, above 0 [rad].
    """
    return SPEED_OF_LIGHT * cyclic_prefix / (2 * math.sin(max_zenith))


def echo_excess_delay(radius: float, max_zenith: float = math.pi / 2) -> float:
    """Greatest excess of an echo's delay over the direct path's [s], for a far transmitter.

    r (1 + sin z_max) / c, of a target so far from the receiver, away from the transmitter.

    Parameters
    ----------
    radius
        r, of the scene around the receiver [m].
    max_zenith
        greatest zenith angle of the transmitter there [rad].
    """
    return radius * (1 + math.sin(max_zenith)) / SPEED_OF_LIGHT


def carrier_for_velocity(velocity: float, symbol_period: float) -> float:
    """Highest carrier frequency [Hz] at which a velocity of either sign is unambiguous.

    c / (4 v period): `SensingWaveform.unambiguous_velocity` solved for f_c.
    """
    return SPEED_OF_LIGHT / (4 * velocity * symbol_period)
