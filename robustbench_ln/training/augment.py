"""Placeholder."""


def augment(images, settings):
    return images
