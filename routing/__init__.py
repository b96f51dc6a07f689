"""Which channel carries a payout: pure decisions (`decide`), and the guard around a channel call (`guard`)."""
