"""How risky a use is: facts, ratings, reasons, questions, and the model over its uses."""
