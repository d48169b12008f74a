"""Training, export, data sets and the integer golden model of Volley's networks."""
