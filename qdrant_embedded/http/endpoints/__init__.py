"""One function per route; each gets a Call and gives a result, a response, or raises Refusal."""
