"""The comb is made before anything signs; it is built, not kept in the repository."""

from tools import comb

comb.write()
