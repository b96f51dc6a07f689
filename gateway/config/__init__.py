"""config.toml: read once, checked whole, every fault named with its line. `load.load` is the door."""
