"""One file a command, a recipe of steps. Commands never import each other."""
