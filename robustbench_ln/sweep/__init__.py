"""Sweeps: plan which cells are asked for, run those that are missing."""
