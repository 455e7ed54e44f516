"""How good it was: rollouts of every router through one loop, metrics with intervals, reports."""
