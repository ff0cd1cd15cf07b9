"""Random orders of calls, compared with a model of what must hold: python -m calls."""
