"""Random networks: graphs over the whole registry, beside NumPy. `make campaign-networks`; CONTRIBUTING.md
says more.
"""
