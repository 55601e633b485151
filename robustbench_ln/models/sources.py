"""Placeholder."""


def is_source(text):
    return False


def load_source(text):
    raise NotImplementedError
