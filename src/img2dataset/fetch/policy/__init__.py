"""What sites say about being fetched and used."""
