"""The agent: PPO over the decision process. The only rooms of the house with torch and stable-baselines3 in them."""
