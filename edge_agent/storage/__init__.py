"""The store: SQLite, the branch's only truth. Schema, transactions, read snapshots, records. SQL stands here alone."""
