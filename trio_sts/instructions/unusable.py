"""Why a source of instructions gives none."""


class Unusable(Exception):
    """A source gave no instructions; the text says why and holds nothing secret."""
