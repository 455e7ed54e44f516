"""Who chooses: the decision process, its reward and cost, the learned router and the baselines."""
