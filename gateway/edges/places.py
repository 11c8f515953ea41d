"""The places a reading can be in, as the home's database has them."""

KEPT = "kept"  # committed, nobody has looked whose it is
INBOX = "inbox"  # somebody must say whose it is
HOME = "home"  # stays at home: the device's own word, or its subject has no account
SEALED = "sealed"  # on its way to the account
ACCOUNT = "account"  # the ingester has receipted it
CONFLICT = "conflict"  # the ingester holds other bytes under its id: set aside
ERASED = "erased"  # an account erased it there; the home has its copy until it says otherwise
PART = "part"  # two bodies on the scale at once; what it says of one of them is a reading of its own
FORGOTTEN = "forgotten"  # deleted: a number and a digest, so that its device need not send it again
