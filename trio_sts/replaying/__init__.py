"""A recorded call once more: the core runs again on what it was given."""
