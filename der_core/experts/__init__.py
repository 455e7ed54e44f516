"""Who answers: one protocol, three backends (Ollama, OpenAI-compatible, embedded llama.cpp), prompts and parsing."""
