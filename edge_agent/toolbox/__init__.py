"""The toolbox: what a person can find out of a journal and have done with it, while the agent runs."""
