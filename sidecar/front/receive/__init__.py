"""Receiving: routes, bodies and the guards before them."""
