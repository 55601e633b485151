"""What benchmarks.yaml declares: networks to train, the paper's experiments, and the claims they test."""
