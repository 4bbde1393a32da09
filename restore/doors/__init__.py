"""Where a person or a scheduler comes in: parsing, output, exit status."""
