"""What the embedded model knows, and what it answers: plain functions on text."""
