"""Mutated model files: all refused with a status, or loaded as what they are."""
