# SPDX-License-Identifier: GPL-3.0-or-later
"""Monte-Carlo experiments, one module a question. Each runs with ``python -m`` and prints a table."""
