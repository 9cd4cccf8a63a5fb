"""Turn a list of image URLs into an image dataset."""
