"""incremental_mode=retry: fetch failed rows of stored shards again."""
