"""The cloud on one machine: an emulator of the services, the real Lambda runtime client, and what wakes the functions."""
