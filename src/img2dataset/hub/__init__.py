"""A stored dataset -> a repository of the Hugging Face Hub (`img2dataset push`)."""
