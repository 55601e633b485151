"""The page of the paper's items: each in the paper's own form, its claims beside it."""
