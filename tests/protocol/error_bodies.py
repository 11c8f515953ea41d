"""What the test of the errors' tree runs under both Pythons."""

from protocol import error_tree, errors


def error_families(names):
    """Return each error's name, the names of those above it, and its facts, after raising and catching it by each."""
    out = []
    for name in names:
        kind = getattr(errors, name)
        if kind is not getattr(errors, name):
            raise ValueError("made twice")
        above = [parent for parent in ALL_ERRORS if parent != name and issubclass(kind, getattr(errors, parent))]
        for parent in above:
            try:
                raise kind(*range(len(kind.FACTS)))
            except getattr(errors, parent) as error:
                if [getattr(error, fact) for fact in kind.FACTS] != list(range(len(kind.FACTS))):
                    raise ValueError("facts lost") from None
        out.append([name, sorted(above), list(kind.FACTS)])
    return out


ALL_ERRORS = ["ProtocolError"] + [row.split()[0] for row in error_tree.TREE.split("\n") if row]
