"""Random networks: graphs of everything registered, compared with NumPy. `make campaign-networks`; see
CONTRIBUTING.md.
"""
