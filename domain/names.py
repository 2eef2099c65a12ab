"""Names that may become parts of keys: accounts, assets, symbols, ids of clients."""

NAME_LENGTH_MAX = 64
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


def is_name(text: str) -> bool:
    """Letters, digits and . _ : - only, at least one and at most 64.

    Never `|`, which parts keys, nor `@`, which marks system accounts.
    """
    return 0 < len(text) <= NAME_LENGTH_MAX and _ALLOWED.issuperset(text)
