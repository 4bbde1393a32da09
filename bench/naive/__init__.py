"""What people write by hand: the scripts that the program is measured against, short and honest."""
