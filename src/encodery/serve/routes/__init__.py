"""The paths of the server, a module for each protocol that it speaks."""
