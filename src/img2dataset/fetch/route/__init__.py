"""The way to an origin: its addresses, proxies, and which are allowed."""
