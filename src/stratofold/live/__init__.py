"""The live path: the verbs over the ports."""
