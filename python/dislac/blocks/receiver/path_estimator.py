# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths out of frame vectors."""

import numpy as np
from gnuradio import gr

from ...estimation import FrameError
from ...scenario import Scenario
from ...systems import bistatic
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..overrides import LiveSettings

__all__ = ["path_estimator"]


class path_estimator(Guarded, gr.sync_block):
    """Estimates the paths of each frame vector, and sends them as a PDU on the port `paths`, and as
    measurements of targets on the port `measurements`.

    Where the scenario's `synchronization.removal` says so, the direct path is taken off before.

    A PDU comes for every frame, also where nothing was detected. Its data (float64) are eight
    numbers a path: gain (real, imaginary), arrival (x, y), departure (x, y), residual delay [s],
    residual Doppler [Hz]; its metadata frame, time, covariance, noise power, test statistic and
    threshold. A measurement is one of arrival, delay and Doppler shift with their covariance, of a
    path that is taken for a target's echo; of a frame without such there is none. When the
    flowgraph ends, PMT_EOF follows the last. A frame that cannot be used is
    dropped, reported on the port `events` and counted in `frames_lost`.

    The parameters can change while the flowgraph runs (`set_estimator`, `set_max_paths`,
    `set_false_alarm_rate`); until a setter returns, which for another kind of estimator can take
    seconds, frames are estimated as before. With `removal: static` the next one learns again.

    Parameters
    ----------
    scenario
        arrays, beams, pilots and estimator come from here.
    estimator
        a name in `estimation.ESTIMATORS`; None: as the scenario says.
    max_paths
        most paths looked for, 1 to 16; None: as the scenario says.
    false_alarm_rate
        detections per frame of noise, above 0 and below 1; None: as the scenario says.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    EstimatorError
        a setting makes no sense for the scenario.
    """

    def __init__(
        self,
        scenario: Scenario,
        estimator: str | None = None,
        max_paths: int | None = None,
        false_alarm_rate: float | None = None,
    ) -> None:
        self._settings = LiveSettings(
            scenario,
            {
                "estimator.kind": estimator,
                "estimator.max_paths": max_paths,
                "estimator.false_alarm_rate": false_alarm_rate,
            },
        )
        self._estimator = bistatic.estimator(self._settings.scenario)
        self._shape = self._estimator.model.shape
        size = int(np.prod(self._shape))
        gr.sync_block.__init__(self, "path_estimator", [(np.complex64, size)], None)
        self.prepare(pmt_keys.PATHS, pmt_keys.MEASUREMENTS)
        self.frames_used = 0

    def set_estimator(self, estimator: str | None) -> None:
        """Changes the kind of estimator from the next frame on; None: as the scenario says."""
        self._change("estimator.kind", estimator)

    def set_max_paths(self, max_paths: int | None) -> None:
        """Changes how many paths are looked for, likewise."""
        self._change("estimator.max_paths", max_paths)

    def set_false_alarm_rate(self, false_alarm_rate: float | None) -> None:
        """Changes the detections per frame of noise, likewise."""
        self._change("estimator.false_alarm_rate", false_alarm_rate)

    def _change(self, key: str, value: object) -> None:
        with self._settings.changed(key, value) as scenario:
            self._estimator = bistatic.estimator(scenario)

    def begin(self) -> None:
        self.frames_used = 0
        self._estimator.reset()

    @guarded(-1)
    def work(self, input_items, output_items):
        # One frame a call: a frame takes much longer than a call, and stopping should not wait.
        frame = input_items[0][0].reshape(self._shape)
        tags = {str(tag.key): tag.value for tag in self.get_tags_in_window(0, 0, 1)}
        index, time = self.nitems_read(0), 0.0
        if (value := tags.get(str(pmt_keys.FRAME))) is not None:
            index, _ = pmt_keys.frame_from_tag(value)
        if (value := tags.get(str(pmt_keys.RX_TIME))) is not None:
            time = pmt_keys.time_from_tag(value)
        try:
            estimate = self._estimator.estimate(frame, index)
        except FrameError as error:
            self.report_lost(index, str(error))
        else:
            self.frames_used += 1
            pdu = pmt_keys.estimate_to_pdu(estimate, index, time)
            self.publish(pmt_keys.PATHS, pdu)
            if self.is_listened_to(pmt_keys.MEASUREMENTS):
                for measurement in bistatic.measured(self._settings.scenario, estimate, index):
                    pdu = pmt_keys.measurement_to_pdu(measurement)
                    self.publish(pmt_keys.MEASUREMENTS, pdu)
        return 1
