"""R38: third parties answer for what they are given."""

UNTESTABLE = "This site hands readings to no third party, so no screen can name one; R37 tests that there is no way in."
