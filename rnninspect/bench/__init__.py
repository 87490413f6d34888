"""Timing: points, phases, clock, statistics, witnesses, the bound, the journal and the comparison of two of them."""
