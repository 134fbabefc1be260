"""The language model by which CCNet ranks text: its normal form, pieces, a 5-gram model, and what its numbers
mean."""
