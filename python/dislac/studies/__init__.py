# SPDX-License-Identifier: GPL-3.0-or-later
"""Studies, one question a file; `runner` runs any of them."""

__all__ = ["STUDIES"]

STUDIES = {
    "accuracy": "How accurate are fixes, against the Cramer-Rao bound?",
    "ambiguity": "How often do two subcarrier spacings find the right range?",
    "calibration": "What do errors of the receive chains cost, calibrated or not?",
    "cold_start": "From samples that begin anywhere to fixes: how soon is there a lock?",
    "delay_doppler": "How far apart in delay and Doppler are many satellites?",
    "endurance": "Does the receiver hold out gaps, overflows, NaN, level steps and fades?",
    "false_alarms": "How often does noise alone give a fix?",
    "fidelity": "How well does the snapshot model describe the sample-domain chain?",
    "honesty": "Can a fix be trusted?",
    "rate_and_position": "What does the payload cost the position, and the pilots the rate?",
    "waveforms": "What does Doppler do to OFDM, to OTFS and to FMCW?",
}
"""The question of each study, by the module that answers it."""
