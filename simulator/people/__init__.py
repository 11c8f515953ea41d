"""The people of the house: how they stand, how their hearts beat. Chips know nothing of them."""
