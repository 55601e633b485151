"""Normalization layers, one file a layer; `registry` finds them by name without importing torch."""
