"""Rounds of a fault campaign: a small run is hurt, the same command finishes it, nothing is lost."""
