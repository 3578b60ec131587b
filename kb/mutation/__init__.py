"""How strong the checks of a protocol are: small faults put into it, and what notices each of them."""
