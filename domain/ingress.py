"""What the doors for other systems have in common."""

import msgspec

AHEAD_NS_MAX = 5_000_000_000
"""How far ahead of the broker's clock a sender's may be: what comes from the future could not be put in order."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The record cannot be handed on to anybody: it is put aside with this reason."""

    reason: str
    detail: str
