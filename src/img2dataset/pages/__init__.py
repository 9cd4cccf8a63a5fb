"""Numbers and texts -> HTML: what the report of a dataset and the live page of a run share."""
