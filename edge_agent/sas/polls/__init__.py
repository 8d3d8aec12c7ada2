"""The rows of the long polls, a module a family, in the order in which the text treats them."""
