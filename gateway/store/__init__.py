"""The store: a port (`port`), one schema, and SQLite behind it. Rows in, frozen values out."""
