"""Random orders of calls, compared with a model of the expected behaviour: python -m calls."""
