"""The arguments and inputs of commands that evaluate rules on past transactions (`services.history`)."""
