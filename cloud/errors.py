"""What can go wrong in the account store, as one small tree.

The program reads the type, the log reads the attributes, and a person reads the sentence that `str()` gives. Errors of somebody
who uses the site (a wrong password) are `Declined`; errors of whoever operates it (a bad setting) are `CannotStart`; errors of
what arrives from a broker are `Poison`.
"""


class CloudError(Exception):
    """Anything this folder raises on purpose."""


class CannotStart(CloudError):
    """Somebody has to mend something before this can run; the sentence says what. The process ends with `exit_status`."""

    exit_status = 3


class BadConfiguration(CannotStart):
    """A setting is missing, unknown or wrong."""

    exit_status = 2

    def __init__(self, setting: str, sentence: str) -> None:
        super().__init__(f"Setting {setting}: {sentence}")
        self.setting = setting


class Poison(CloudError):
    """A message that can never be stored, however often it comes."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Declined(CloudError):
    """A person asked for something that is not done; `reason` names the sentence they are shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CannotUnwrap(CloudError):
    """A key does not open what it should: the wrong password, a changed row, or a destroyed erasure key."""
