"""Who looks on while calls are held: metrics, traces, the console."""
