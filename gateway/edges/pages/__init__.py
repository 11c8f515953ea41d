"""The family's page: HTTPS from the home's own authority, one household password, English and French.

Thinking of readings happens elsewhere; here is what a browser may ask (`access.py`), what it is shown (`views.py`, `words.py`, the
templates) and what its forms do (`forms.py`). Everything but the nursery's live values works without JavaScript.
"""
