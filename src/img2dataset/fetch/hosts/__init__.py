"""How gently each host is asked."""
