"""Folders and files, local or remote."""
