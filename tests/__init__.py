"""The tests mirror the source; `plugin` and `conftest` prepare what they stand on."""
