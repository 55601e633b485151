"""The paper's items: what each needs, what was measured for it, and what became of its claims."""
