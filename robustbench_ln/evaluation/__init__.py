"""Networks on noisy images: the stream of images, and what reads it."""
