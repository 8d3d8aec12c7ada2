"""The page about SAS, written from the tables the code runs on."""
