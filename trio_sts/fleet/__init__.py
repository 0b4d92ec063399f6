"""Several processes behind one port: the parent, the forkserver, the workers."""
