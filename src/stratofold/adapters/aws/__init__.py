"""The ports on Amazon's services: twins of `adapters.embedded`, in files of the same names, over signed HTTP."""
