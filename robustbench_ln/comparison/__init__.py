"""Compare two networks of a store on the same noisy images."""
