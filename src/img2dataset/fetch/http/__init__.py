"""Requests and answers, by libcurl."""
