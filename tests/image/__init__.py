"""The container image: built for real, and run without rights; ``make image``."""
