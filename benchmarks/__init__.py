"""Benchmarks: each figure is a ratio measured in one run, printed beside its promise. `make bench` runs them all."""
