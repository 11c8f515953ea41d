"""Everything that can be wrong with bytes from outside, one type per rule, in one small tree.

The program reads the type, the log reads the attributes; what each rule is stands in `errors.pyi`, and what a person is told in
`protocol/refusals.py`. A type is made when it is first asked for, because all of them together took 8 KB of a device's heap and most
never occur in a device's life: until then the tree is text, and `error_tree.py` is not even imported. MicroPython allows one exception
base only.
"""


class ProtocolError(Exception):
    """Base of all refusals here; `FACTS` names the attributes, in the order they are given."""

    FACTS = ()

    def __init__(self, *facts):
        super().__init__(*facts)
        for name, fact in zip(self.FACTS, facts):
            setattr(self, name, fact)


def __getattr__(name):
    """Make the type of this name, and those above it."""
    from protocol import error_tree  # here to spare memory: see the file's head

    return error_tree.make(name, globals())
