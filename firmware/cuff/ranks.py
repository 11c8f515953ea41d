"""Order statistics without sorting into a list, where every number would take five times its room."""


def nth(values, rank: int, count: int):
    """Return what would stand at this place if the first `count` values were sorted; their order changes (Hoare 1961, FIND)."""
    low, high = 0, count - 1
    while low < high:
        middle = values[(low + high) // 2]
        up, down = low, high
        while up <= down:
            while values[up] < middle:
                up += 1
            while values[down] > middle:
                down -= 1
            if up <= down:
                values[up], values[down] = values[down], values[up]
                up += 1
                down -= 1
        if rank <= down:
            high = down
        elif rank >= up:
            low = up
        else:
            break
    return values[rank]


def median(values, count: int):
    """Return the upper median of an array's first `count` values, whose order changes."""
    return nth(values, count // 2, count)
