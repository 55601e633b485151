"""The results store: immutable directories, each published by one rename; no locks, no server."""
