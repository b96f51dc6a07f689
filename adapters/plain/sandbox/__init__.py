"""The other side of a plain channel, in the words that its author gives it."""
