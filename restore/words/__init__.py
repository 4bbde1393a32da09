"""Pure values: names, versions, manifests, marks. No input or output, no clock."""
