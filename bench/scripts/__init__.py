"""Hand-written scripts that the program is measured against, as short as a user would write them."""
