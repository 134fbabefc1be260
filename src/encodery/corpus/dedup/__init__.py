"""What is there more than once: paragraphs word for word, documents nearly, test sets of the recipe."""
