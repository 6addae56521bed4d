"""Every number this project claims, measured: `make bench`. Results in `benchmarks/results`, quoted by the README."""
