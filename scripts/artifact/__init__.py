"""What a gateway is sent: the build of the Greengrass components, for any Python 3.11+ and nothing else."""
