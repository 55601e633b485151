"""Networks by name, built with any norm."""
