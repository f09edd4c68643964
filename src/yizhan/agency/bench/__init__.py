"""How fast the desk settles on this machine: a private database, made-up people, clerks who speak HTTP."""
