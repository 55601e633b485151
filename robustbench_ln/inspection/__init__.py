"""What is there: what can be named, what results hold of one thing, and what this machine can do."""
