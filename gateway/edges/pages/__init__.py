"""The family's page: HTTPS from the home's own authority, one household password, English and French.

Thinking of readings happens elsewhere; here is what a browser may ask (`access.py`), what every page stands in (`frame.py`), one module
for each page, and how things are put (`views.py`, `words.py`, the templates). Everything but the nursery's live values works without
JavaScript.
"""
