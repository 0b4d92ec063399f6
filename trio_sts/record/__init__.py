"""What outlives a call: the summary line and the transcript."""
