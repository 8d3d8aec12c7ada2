"""Testing: the fakes we test with, shipped so that driver authors test with the same."""
