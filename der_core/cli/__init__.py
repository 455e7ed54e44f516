"""The command line, `der` or `python -m der_core`: options here, what they do in one module a command.

Option names may be spelled with hyphens or with underscores.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from der_core import __version__
from der_core.cli.terminal import Harmless, complain, prepare_output
from der_core.config import DEFAULT_ENCODER, LARGEST_SEED, PRESETS, SPLIT_SEED, Algorithm, CostMode, End, Shaping, StateKind
from der_core.errors import DerError

DEFAULT_STORE = "der_home/recordings.sqlite"
DEFAULT_MODELS = "der_home/models"
COMMANDS = {
    "run": "the whole job: record, train, evaluate, report",
    "experts": "which experts are ready, and what is missing",
    "record": "ask every expert every question once, after every previous label",
    "train": "train a router on a recording",
    "evaluate": "compare routers with every baseline on held-out questions",
    "advice": "what being shown another expert's answer does to each expert of a recording",
    "ask": "route typed questions with a trained router and live experts",
    "prompts": "show every prompt in full",
    "store": "list, verify or export recordings",
    "dashboard": "open the pages in a browser",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 2 for an error said in one line, 130 for an interrupt."""
    prepare_output()
    arguments = build_parser().parse_args(_hyphenate(argv))
    talks = arguments.verbose or getattr(arguments, "sb3_verbose", 0)
    logged = logging.StreamHandler()
    logged.setFormatter(Harmless("%(message)s"))
    logging.basicConfig(level=logging.INFO if talks else logging.WARNING, handlers=[logged])
    command = importlib.import_module(f"der_core.cli.{arguments.command}")
    try:
        return int(command.execute(arguments))
    except DerError as error:
        complain(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        complain("\nInterrupted. What was recorded is kept; the same command goes on from there.")
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    prog = "python -m der_core" if Path(sys.argv[0]).name == "__main__.py" else "der"
    parser = argparse.ArgumentParser(prog=prog, description="Learned routing over local LLM experts (DER, arXiv 2412.07448).")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--verbose", action="store_true", help="log what happens inside")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary.capitalize() + ".", formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        _OPTIONS[name](command)
    return parser


def _hyphenate(argv: Sequence[str] | None) -> list[str]:
    """Return the arguments with option names spelled with hyphens."""
    return [_hyphenate_one(argument) for argument in (sys.argv[1:] if argv is None else argv)]


def _hyphenate_one(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number from 0 up, not {text!r}")
    return min(int(text[:20]), 1 << 53)  # more of anything than there is


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text[:12]) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {LARGEST_SEED}, not {text[:40]!r}")
    return int(text)


_ALSO_CALLED = "(latency_tokens, seconds by tokens, is compute)"


def _cost_mode(text: str) -> str:
    """A cost mode by its name, or by the one that this program's predecessor had for it."""
    return "compute" if text.replace("-", "_") == "latency_tokens" else text


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="FILE", help="SQLite file that holds the recordings")
    parser.add_argument("--recording", default="default", metavar="NAME", help="name of the recording inside the store")


def _add_experts(parser: argparse.ArgumentParser, default: Sequence[str] = ("paper",)) -> None:
    group = parser.add_argument_group("experts")
    group.add_argument(
        "--experts",
        nargs="+",
        default=list(default),
        metavar="EXPERT",
        help="presets (paper, small, installed), experts files (.toml), Ollama models, openai:MODEL or gguf:FILE; "
        "behind a model @STYLE (such as @reason or @program) and +held (held to yes or no), before it NAME=",
    )
    group.add_argument(
        "--models", default=DEFAULT_MODELS, metavar="FOLDER", help="where installed model files that come in pieces are joined"
    )
    group.add_argument(
        "--host",
        nargs="+",
        default=[],
        metavar="URL",
        help="server address of experts that have none of their own; several share the calls (none: OLLAMA_HOST or "
        "http://127.0.0.1:11434 for Ollama, http://127.0.0.1:8080 for other servers)",
    )
    group.add_argument("--allow-remote", action="store_true", help="allow hosts other than this machine")
    group.add_argument("--ollama-timeout", type=float, default=900.0, metavar="S", help="longest time of a whole call, in seconds")
    group.add_argument("--ollama-connect-timeout", type=float, default=10.0, metavar="S", help="connect timeout in seconds")
    group.add_argument("--ollama-retries", type=int, default=3, metavar="N", help="further attempts after a connection fault")
    group.add_argument(
        "--ollama-backoff", type=float, default=2.0, metavar="S", help="pause before the first further attempt, doubled each time"
    )
    group.add_argument(
        "--patience", type=float, default=120.0, metavar="S", help="how long a server that is busy or loads a model is waited for"
    )
    group.add_argument("--threads", type=int, default=None, metavar="N", help="threads of an embedded expert (none: one per processor)")
    group.add_argument("--context-tokens", type=int, default=2048, metavar="N", help="context window; a longer prompt is an error")


def _add_questions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("questions")
    group.add_argument(
        "--questions",
        default="boolq",
        metavar="SOURCE",
        help="boolq, bundled, hard (bundled questions that small models guess), a hub dataset (org/name or org/name:configuration), or a file: .jsonl, .json, .csv, .tsv, .parquet, packed or not",
    )
    group.add_argument("--split", default=None, metavar="NAME", help="split of a hub dataset to take questions from")
    group.add_argument(
        "--no-answers", action="store_true", help="go on where no question has an answer: the replies are kept, but nothing can be scored"
    )
    group.add_argument("--passage", action=argparse.BooleanOptionalAction, default=True, help="ask with the passage, where there is one")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of the router (default: those of the preset)")
    group.add_argument("--preset", choices=PRESETS, default="deployable", help="named settings to start from")
    group.add_argument(
        "--algorithm",
        choices=get_args(Algorithm),
        default="ppo",
        help="ppo: learned by trial; planner: estimates of what experts will say, and a plan over the calls that are left, in a second",
    )
    for name, kind, text in (
        ("alpha", float, "weight of cost"),
        ("beta", float, "weight of the gain in quality"),
        ("gamma", float, "bonus or penalty at the end"),
        ("p0", float, "quality that is good enough"),
        ("tmax", int, "longest route, in calls"),
        ("ppo-steps", int, "steps of PPO training, at most"),
        ("ppo-rollout", int, "steps of each of the parallel routes between two updates"),
        ("ppo-patience", int, "updates without a better result on validation questions after which training ends; 0: never"),
        ("repeat-penalty", float, "charge for choosing the same expert twice in a row"),
        ("calib-lat-samples", int, "questions that give each expert's median latency"),
        ("confidence", float, "confidence at which end=confidence stops"),
    ):
        group.add_argument(f"--{name}", type=kind, default=None, help=text)
    group.add_argument("--cost-mode", type=_cost_mode, choices=get_args(CostMode), default=None, help=f"what a call costs {_ALSO_CALLED}")
    group.add_argument(
        "--normalize-cost",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="divide seconds by each expert's own median, as --cost-mode latency does; --no-normalize-cost: by one number for all, as compute does",
    )
    group.add_argument("--shaping", choices=get_args(Shaping), default=None, help="form of the reward")
    group.add_argument("--state", choices=get_args(StateKind), default=None, help="what the router sees")
    group.add_argument("--end", choices=get_args(End), default=None, help="when a route ends while training")
    group.add_argument(
        "--no-repeat", action=argparse.BooleanOptionalAction, default=None, help="replace asking the same expert twice in a row"
    )
    group.add_argument(
        "--fit-thresholds", action=argparse.BooleanOptionalAction, default=None, help="fit each expert's threshold on P(yes)"
    )
    group.add_argument("--sb3-verbose", type=_count, default=0, metavar="N", help="from 1 on, say what each update of PPO came to")
    group.add_argument("--ppo-device", choices=("cpu", "cuda", "auto"), default=None, help="where PPO trains")
    group.add_argument("--encoder", default=DEFAULT_ENCODER, help="sentence encoder, by name or folder")


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_seed, default=7, help="seed of the sample, the split and the training")


def _add_split_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split-seed", type=_seed, default=SPLIT_SEED, help="seed of the split; the same for all routers that are to be compared"
    )


def _add_pool(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--use-experts",
        nargs="+",
        default=None,
        metavar="NAME",
        help=f"use only these experts of the recording (none: {default}); a router needs all of its experts to answer",
    )


def _add_sizes(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    parser.add_argument(
        "--train-samples",
        type=_count,
        default=default,
        metavar="N",
        help="questions for training, a fifth of which validate (none: half of all)",
    )
    parser.add_argument("--eval-samples", type=_count, default=default, metavar="N", help="held-out questions (none: all the others)")


def _run(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    _add_experts(parser)
    _add_questions(parser)
    _add_settings(parser)
    _add_seed(parser)
    _add_sizes(parser, default=200)
    _add_pool(parser, "all")
    parser.add_argument(
        "--probe-samples", type=_count, default=40, metavar="N", help="training questions for the look at single experts before training"
    )
    _add_results(parser)
    parser.add_argument("--save-router", default="", metavar="FILE", help="where to write the router (.zip)")
    parser.add_argument("--load-router", default="", metavar="FILE", help="use this router instead of training one")
    parser.add_argument("--interactive", action="store_true", help="go on with typed questions afterwards")


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--show-der-qa", type=int, default=10, metavar="N", help="questions whose routes are shown")
    parser.add_argument("--save-report", default="run_report.json", metavar="FILE", help='where to write the JSON report ("" for none)')


def _experts(parser: argparse.ArgumentParser) -> None:
    _add_experts(parser, default=())
    parser.add_argument(
        "--write",
        metavar="FILE",
        help="write an experts file (.toml) of the models that the servers at --host, or at the usual addresses, have",
    )


def _record(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    _add_experts(parser)
    _add_questions(parser)
    _add_seed(parser)
    parser.add_argument("--samples", type=_count, default=None, metavar="N", help="record a seeded sample of N questions (default: all)")
    parser.add_argument(
        "--calibrate",
        type=_count,
        default=0,
        metavar="N",
        help="before recording, measure each expert's seconds per token on N lone calls (30 are enough); they price its replies",
    )
    parser.add_argument(
        "--calibrate-only", action="store_true", help="measure on questions of a recording that is there (30 calls, or --calibrate N)"
    )
    parser.add_argument("--busy", action="store_true", help="measure although the machine is busy with other work")
    parser.add_argument(
        "--vectors", action=argparse.BooleanOptionalAction, default=False, help="also store the state vectors of the questions"
    )
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="sentence encoder of those vectors")


def _train(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    _add_settings(parser)
    _add_seed(parser)
    _add_split_seed(parser)
    _add_sizes(parser)
    _add_pool(parser, "all")
    parser.add_argument("--save-router", default="router.zip", metavar="FILE", help="where to write the router (.zip)")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    _add_split_seed(parser)
    _add_sizes(parser)
    _add_pool(parser, "those of each router, for baselines only all")
    _add_results(parser)
    parser.add_argument("--load-router", nargs="+", default=[], metavar="FILE", help="saved routers to compare (none: baselines only)")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="sentence encoder of the routers")
    parser.add_argument(
        "--cost-mode",
        type=_cost_mode,
        choices=get_args(CostMode),
        default=None,
        help=f"what a call costs {_ALSO_CALLED} (none: as the router was trained, else compute)",
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--flips", action="store_true", help="also try what labels that come out differently do to the learned routers (takes some seconds)"
    )
    parser.add_argument(
        "--judge", action="store_true", help="also try what a simulated judge of answers, right at several rates, would make of them"
    )
    parser.add_argument("--only-claims", action="store_true", help="print nothing but the table of the five claims, and write no report")
    parser.add_argument(
        "--save-runs", default="", metavar="FOLDER", help="keep each router with its report as a run there, named after its file"
    )


def _advice(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    _add_pool(parser, "all")
    parser.add_argument("--by-kind", action="store_true", help="also by kind of question")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--seed", type=int, default=7, help="seed of the resamples behind the intervals")


def _ask(parser: argparse.ArgumentParser) -> None:
    _add_experts(parser, default=())
    parser.add_argument("--load-router", required=True, metavar="FILE", help="the trained router")
    questions = parser.add_mutually_exclusive_group()
    questions.add_argument("--question", default=None, help="the question (default: an interactive prompt)")
    questions.add_argument(
        "--questions", default=None, metavar="SOURCE", help="answer every question of a file (or of another source of `record`)"
    )
    parser.add_argument(
        "--save",
        default="",
        metavar="FILE",
        help="CSV file of the answers to --questions; each is written when it is there, and the same command goes on with those that lack one",
    )
    parser.add_argument("--split", default=None, metavar="NAME", help="split of a hub dataset to take questions from")
    parser.add_argument("--with-passage", default=None, metavar="TEXT", help="a passage that the question is about")
    parser.add_argument(
        "--end", choices=[end for end in get_args(End) if end != "gold"], default=None, help="end rule (default: the router's own)"
    )
    parser.add_argument(
        "--encoder", default=DEFAULT_ENCODER, help="sentence encoder of the router; another than the default has to be named by you"
    )
    parser.add_argument("--store", default="", metavar="FILE", help="store whose cached state vectors may be used")


def _dashboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_count, default=8501, metavar="N", help="port on this machine at which the pages are served")


def _prompts(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults()


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "verify", "export"), help="what to do")
    _add_store(parser)
    parser.add_argument("--to", default="", metavar="FILE", help="where export writes one recording")
    parser.add_argument(
        "--ask",
        type=_count,
        default=0,
        metavar="N",
        help="verify: then ask N recorded calls of the recording again, drawn by --seed and shared among --experts, tell by expert how "
        "many labels come out differently, and keep that in the store (which is written to)",
    )
    _add_seed(parser)
    _add_experts(parser, default=())


_OPTIONS = {
    "run": _run,
    "experts": _experts,
    "record": _record,
    "train": _train,
    "evaluate": _evaluate,
    "advice": _advice,
    "ask": _ask,
    "prompts": _prompts,
    "store": _store,
    "dashboard": _dashboard,
}
