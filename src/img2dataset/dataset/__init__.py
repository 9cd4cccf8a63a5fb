"""What lies in an output folder: shards, locks, stats."""
