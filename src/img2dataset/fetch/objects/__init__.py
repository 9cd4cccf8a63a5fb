"""URLs that are not on http -> bodies: files, and objects of stores."""
