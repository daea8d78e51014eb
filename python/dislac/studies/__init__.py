# SPDX-License-Identifier: GPL-3.0-or-later
"""Monte-Carlo experiments, one module a question; each runs with ``python -m``."""
