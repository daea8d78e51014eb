# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions out of paths."""

from typing import Any

from gnuradio import gr

from ...scenario import Scenario
from ...systems import bistatic
from .. import pmt_keys
from ..lifecycle import Guarded, message_handler
from ..overrides import LiveSettings

__all__ = ["bistatic_locator"]


class bistatic_locator(Guarded, gr.basic_block):
    """Turns paths (PDU on the port `paths`), or measurements (PDU on the port `measurements`), into
    fixes (PDU on the port `fix`).

    The ray along which the target's echo came meets the ellipsoid of its residual delay. Every
    PDU of paths gives a fix of each target; where there is no position, its status says why. A
    measurement gives one fix; one over another link is dropped and reported on the port `events`.
    Data of the PDU
    (float64): the position, east, north, up [m]. Metadata: frame, time [s], status, covariance
    [m^2],
    residual delay [s] and Doppler [Hz], direction, and, where the scenario knows the truth, error
    and Cramer-Rao bound [m]. When the flowgraph ends, PMT_EOF follows the last.

    Parameters
    ----------
    scenario
        nodes and receive array come from here, and the truth if it is known.
    known_height_m
        height of the target [m]; None: as the scenario says.
    snr_db
        signal to noise ratio that the bound is for, the key `channel.noise.snr_db` [dB]; None: as
        the scenario says.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    """

    def __init__(
        self,
        scenario: Scenario,
        known_height_m: float | None = None,
        snr_db: float | None = None,
    ) -> None:
        gr.basic_block.__init__(self, "bistatic_locator", None, None)
        self.prepare(pmt_keys.FIX)
        self.take_messages(pmt_keys.PATHS, self.handle_paths)
        self.take_messages(pmt_keys.MEASUREMENTS, self.handle_measurement)
        values = {"locator.known_height_m": known_height_m, "channel.noise.snr_db": snr_db}
        self._settings = LiveSettings(scenario, values)

    def set_known_height_m(self, known_height_m: float | None) -> None:
        """Changes the known height [m] from the next fix on; None: to what the scenario says."""
        with self._settings.changed("locator.known_height_m", known_height_m):
            pass

    def set_snr_db(self, snr_db: float | None) -> None:
        """Changes what the bound is for [dB], likewise."""
        with self._settings.changed("channel.noise.snr_db", snr_db):
            pass

    @message_handler
    def handle_paths(self, message: Any) -> None:
        estimate, frame, _ = pmt_keys.estimate_from_pdu(message)
        for fix in bistatic.fixes(self._settings.scenario, estimate, frame):
            self.publish(pmt_keys.FIX, pmt_keys.fix_to_pdu(fix))

    @message_handler
    def handle_measurement(self, message: Any) -> None:
        measurement = pmt_keys.measurement_from_pdu(message)
        try:
            fix = bistatic.fix_of(self._settings.scenario, measurement)
        except ValueError as error:
            raise pmt_keys.MessageError(str(error)) from None
        self.publish(pmt_keys.FIX, pmt_keys.fix_to_pdu(fix))
