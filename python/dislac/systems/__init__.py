# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems: objects of the rooms below, put together out of a scenario."""
