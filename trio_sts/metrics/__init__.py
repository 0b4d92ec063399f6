"""What the process counts, for Prometheus: `Metrics`, fed by one observer of each call.

`registry` has the metrics, `labels` bounds their labels, `call` feeds them, `exposition`
renders them, `snapshot` turns them into data that can be sent and added up.
"""
