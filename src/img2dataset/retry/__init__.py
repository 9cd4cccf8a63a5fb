"""incremental_mode=retry: shards that are done, completed."""
