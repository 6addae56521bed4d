"""SQLite, the branch's only truth: schema, transactions, read snapshots, records.

Nothing outside this package holds SQL.
"""
