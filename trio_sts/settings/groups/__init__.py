"""Every setting: its name, unit, default, limits and meaning, a file for each subject."""
