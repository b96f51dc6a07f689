"""What a running gateway counts and shows: a table of metrics, a port to count through, a look at each scrape."""
