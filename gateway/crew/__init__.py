"""Several processes that serve as one gateway on one machine: workers that share the public port, and their parent.

Each worker is a whole gateway, a node on the PostgreSQL like any other. The parent has no database, no key and no
channel: it starts them, starts again who died, has the one admin listener, and sees to it that all run the same file.
"""
