"""Payment channels: the port (`channel`), the shared HTTP client (`http`), and one folder per kind of channel."""
