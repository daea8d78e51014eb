# SPDX-License-Identifier: GPL-3.0-or-later
"""One runner for all studies: points, a trial, tables."""

from .command import study_command
from .intervals import LEVEL, bootstrap_interval, percentage, rms, wilson_interval
from .plot import Curve, Plot, draw
from .run import run
from .study import Point, Results, Row, Study, point_and_trial, trial_only
from .table import Table

__all__ = [
    "LEVEL",
    "Curve",
    "Plot",
    "Point",
    "Results",
    "Row",
    "Study",
    "Table",
    "bootstrap_interval",
    "draw",
    "percentage",
    "point_and_trial",
    "rms",
    "run",
    "study_command",
    "trial_only",
    "wilson_interval",
]
