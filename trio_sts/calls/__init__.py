"""``trio-sts calls``: what the store knows of the calls that were."""
