"""The store of finished calls: one row each, in SQLite or PostgreSQL.

Everything here blocks: it is called in a thread, or by a command. SQLAlchemy and the
driver are imported by this room alone, and only where a store is opened.
"""
