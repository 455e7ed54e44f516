"""The sandbox of programs: what it lets through, what it stops, and that its process can be lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ExpertError, InterpreterMissing
from der_core.experts import opening
from der_core.experts.sandbox import PRINTED_BYTES, Sandbox

TOO_LONG = "the program ran longer than 0.5 seconds"
TOO_LARGE = "the program needed more than 32 MB"
TOO_LOUD = "the program printed more than 4,096 bytes"
HUNG = "the interpreter hung and was replaced"


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("print('yes')", "yes\n"),
        ("print(date(2023, 6, 23) + timedelta(days=10))", "2023-07-03\n"),
        ("print(datetime(2024, 2, 28).weekday(), time(9, 40))", "2 09:40:00\n"),
        ("print(math.isqrt(50), gcd(54, 90), sqrt(9), ceil(1.2), floor(1.8))", "7 18 3.0 2 1\n"),
        ("print(Counter('banana')['a'], re.findall('an', 'banana'))", "3 ['an', 'an']\n"),
        ("print(len(list(combinations(range(5), 2))), len(list(permutations('abc'))), len(list(product('ab', 'cd'))))", "10 6 4\n"),
        ("from datetime import date, timedelta\nimport math\nprint(date(2024, 1, 31) + timedelta(1), math.pi > 3)", "2024-02-01 True\n"),
    ],
)
def test_common_names_need_no_import(sandbox, program, printed):
    done = sandbox.run(program)
    assert (done.printed, done.failure) == (printed, "")


def test_nothing_is_left_of_an_earlier_program(sandbox):
    sandbox.run("answer = 'yes'\ndate = None\nmath.pi = 3")
    assert sandbox.run("print(answer)").failure == "NameError: name 'answer' is not defined"
    assert sandbox.run("print(date(2024, 1, 1), math.pi > 3.1)").printed == "2024-01-01 True\n"


@pytest.mark.parametrize(
    "program",
    [
        "open('/etc/passwd').read()",
        "open('/tmp/der-sandbox-test', 'w').write('x')",
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        "import os\nos.listdir('/')",
        "import os\nos.environ['HOME']",
        "import os\nos.getenv('HOME')",
        "import os\nos.system('true')",
        "import os\nos.urandom(8)",
        "import subprocess",
        "import socket",
        "import urllib.request",
        "import ctypes",
        "import importlib",
        "import builtins",
        "import inspect",
        "import threading",
        "import multiprocessing",
        "import pickle",
        "__import__('os')",
        "().__class__.__bases__[0].__subclasses__()",
        "''.__class__.__mro__",
        "getattr((), '__cla' + 'ss__')",
        "print('{0.__class__}'.format(()))",
        "print(f'{().__class__!r}')",
        "(lambda: 0).__globals__",
        "(lambda: 0).__code__",
        "print.__self__",
        "globals()",
        "import sys\nsys.modules",
        "import sys\nsys._getframe()",
        "input()",
        "breakpoint()",
        "raise SystemExit",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    error.__traceback__.tb_frame",
    ],
)
def test_there_is_no_way_out(sandbox, program):
    done = sandbox.run(f"{program}\nprint('yes')")
    assert done.failure and done.printed == ""
    assert not Path("/tmp/der-sandbox-test").exists()


@pytest.mark.parametrize(
    "program",
    [
        "print(date.today())",
        "print(datetime.now())",
        "import time\nprint(time.time())",
        "import time\ntime.sleep(5)",
        "import asyncio\nasync def wait():\n    await asyncio.sleep(30)\nawait wait()",
        "import random\nprint(random.random())",
    ],
)
def test_the_day_the_clock_and_chance_are_refused_at_once(sandbox, program):
    start_s = time.perf_counter()
    assert "not supported in this environment" in sandbox.run(program).failure
    assert time.perf_counter() - start_s < 1


def test_a_seeded_draw_is_the_same_each_time(sandbox):
    draws = {sandbox.run("import random\nrandom.seed(3)\nprint(random.randint(1, 10**9))").printed for _ in range(3)}
    assert len(draws) == 1 and draws != {""}


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "try:\n    while True: pass\nexcept BaseException: print('yes')",
        "sum(range(10**10))",
        "def f():\n    try: f()\n    finally: f()\nf()",
        "for row in product(range(100), repeat=50): pass",
        "math.factorial(10**6)",
        "math.perm(10**6, 10**5)",
        "x = 3**200000\nfor i in range(10**5): x = x * x % 10**50000",
    ],
)
def test_endless_programs_end(sandbox, program):
    done = sandbox.run(program)
    assert done.failure in (TOO_LONG, HUNG) and done.printed == "" and done.seconds < 3


@pytest.mark.parametrize("program", ["int('9' * 4000) ** 5000 % 7", "x = 2**20000000\ny = 3**10000000\nx // y"])
def test_a_step_that_cannot_be_interrupted_costs_the_process_and_no_more(sandbox, program):
    done = sandbox.run(program)
    assert done.failure in (HUNG, TOO_LONG) and done.seconds < 3
    assert sandbox.run("print('yes')").printed == "yes\n"


@pytest.mark.parametrize(
    "program",
    [
        "'a' * 10**9",
        "'yes'.join(['b' * 1000] * 10**8)",
        "[0] * 10**8",
        "10**10**8",
        "9**9**9",
        "pow(3, 10**9)",
        "'%1000000000d' % 1",
        "'x'.rjust(10**9)",
        "try:\n    'a' * 10**9\nexcept MemoryError: print('yes')",
    ],
)
def test_what_could_not_be_held_is_not_begun(sandbox, program):
    done = sandbox.run(program)
    assert (done.failure, done.printed) == (TOO_LARGE, "")


@pytest.mark.parametrize(
    "program",
    [
        "list(range(10**9))",
        "f'{1:>1000000000}'",
        "text = 'ab'\nwhile True: text += text",
        "found = {}\nfor i in range(10**9): found[i] = i",
        "list(permutations(range(100)))",
        "re.sub('', 'a' * 10**7, 'x' * 10**6)",
        "pair = 1\nfor i in range(60): pair = (pair, pair)\nprint(pair)",
    ],
)
def test_memory_that_grows_has_an_end(sandbox, program):
    done = sandbox.run(program)
    assert done.failure in (TOO_LARGE, TOO_LONG, HUNG) and done.printed == ""  # on a busy machine the time is over first
    assert memory_mb(worker(sandbox)) < 200
    assert sandbox.run("print('yes')").printed == "yes\n"


@pytest.mark.parametrize(
    "program", ["while True: print('yes')", "print('yes' * 10**6)", "try:\n    while True: print('no')\nexcept BaseException: print('yes')"]
)
def test_floods_of_output_are_stopped_and_their_beginning_kept(sandbox, program):
    done = sandbox.run(program)
    assert done.failure == TOO_LOUD and len(done.printed) == PRINTED_BYTES


def test_the_limit_of_output_counts_bytes_and_halves_no_character(sandbox):
    done = sandbox.run("print('é' * 2100)")
    assert done.failure == TOO_LOUD and done.printed == "é" * 2048
    assert sandbox.run("print('é' * 2047)").failure == ""


def test_only_what_goes_to_standard_output_is_printed(sandbox):
    assert sandbox.run("import sys\nprint('no', file=sys.stderr)\nprint('yes')").printed == "yes\n"


@pytest.mark.parametrize(
    "program",
    [
        "def f(): return f()\nf()",
        "class A:\n    def __repr__(self): return repr(self)\nprint(A())",
        "class A:\n    def __eq__(self, other): return self == other\nA() == A()",
        "(" * 5000 + ")" * 5000,
        "x = " + "-" * 10000 + "1",
        "f = " + "lambda: " * 2000 + "1",
        "import json\njson.loads('[' * 10**6)",
    ],
)
def test_recursion_fails_without_taking_the_process_along(sandbox, program):
    sandbox.run("print('yes')")
    before = worker(sandbox)
    done = sandbox.run(program)
    assert done.failure and done.seconds < 0.5
    assert worker(sandbox) == before


@pytest.mark.parametrize(
    "pattern, text",
    [
        (r"(a+)+$", "'a' * 50 + 'b'"),
        (r"(?:(a|aa)+)+$", "'a' * 60 + 'b'"),
        (r"(.*)*\1$", "'a' * 50 + 'b'"),
        (r"(a|b|ab)*(?=c)(\1)x", "'ab' * 2000"),
        (r"(x+x+)+y", "'x' * 3000"),
    ],
)
def test_regex_catastrophes_are_none(sandbox, pattern, text):
    done = sandbox.run(f"re.search(r'{pattern}', {text})")
    assert done.seconds < 1.9


@pytest.mark.parametrize("program", ["x = '\ud800'", "print('yes')\0", "\ufeffprint('yes'", "é = = 1"])
def test_text_that_is_no_program_fails_as_one(sandbox, program):
    assert sandbox.run(program).failure.startswith("SyntaxError: ")


def worker(sandbox: Sandbox) -> int:
    """The process that serves the next program."""
    assert sandbox._pool is not None
    with sandbox._pool.checkout() as session:
        assert session.worker_pid is not None
        return session.worker_pid


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def strike(pid: int, blow: signal.Signals) -> None:
    time.sleep(0.15)
    os.kill(pid, blow)


@pytest.mark.parametrize(("blow", "failure"), [(signal.SIGKILL, "the interpreter died and was replaced"), (signal.SIGSTOP, HUNG)])
def test_a_process_lost_in_mid_run_is_told_and_replaced(sandbox, blow, failure):
    sandbox.run("print('yes')")
    lost = worker(sandbox)
    attack = threading.Thread(target=strike, args=(lost, blow))
    attack.start()
    done = sandbox.run("while True: pass")
    attack.join()
    assert (done.failure, done.printed) == (failure, "")
    assert sandbox.run("print('yes')").printed == "yes\n"
    assert worker(sandbox) != lost


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_lost_while_idle_is_nobodys_fault(sandbox, blow):
    sandbox.run("print('yes')")
    os.kill(worker(sandbox), blow)
    done = sandbox.run("print('yes')")
    assert (done.printed, done.failure) == ("yes\n", "")


def test_threads_take_turns_in_one_process(sandbox):
    sandbox.run("print('yes')")
    before, printed = worker(sandbox), {}
    threads = [threading.Thread(target=lambda n=n: printed.update({n: sandbox.run(f"print({n})").printed})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert printed == {n: f"{n}\n" for n in range(8)}
    assert worker(sandbox) == before


def test_a_closed_sandbox_starts_again(sandbox):
    sandbox.run("print('yes')")
    pid = worker(sandbox)
    sandbox.close()
    assert sandbox.run("print('yes')").printed == "yes\n" and worker(sandbox) != pid


@pytest.mark.parametrize("binary", ["/nonexistent/monty", "/bin/true", "/etc/passwd"])
def test_an_interpreter_that_cannot_be_started_is_no_fault_of_the_program(monkeypatch, binary):
    monkeypatch.setenv("MONTY_BIN", binary)
    with pytest.raises(InterpreterMissing, match="cannot be started") as caught:
        Sandbox().run("print('yes')")
    assert isinstance(caught.value, ExpertError) and "\n" not in str(caught.value)


def test_an_expert_without_its_interpreter_is_not_ready_and_not_opened(monkeypatch):
    monkeypatch.setenv("MONTY_BIN", "/nonexistent/monty")
    monkeypatch.setattr(opening, "SANDBOX", Sandbox())
    spec = ExpertSpec("tiny@program", "openai", "tiny", "program", digest="sha256:1")
    (health,) = opening.check_experts([spec], AskOptions())
    assert not health.ready and "cannot be started" in health.message
    with pytest.raises(InterpreterMissing):
        opening.open_expert(spec, AskOptions())
    opening.open_expert(replace(spec, style="direct"), AskOptions()).close()


def test_the_process_ends_with_ours():
    script = "from der_core.experts.sandbox import SANDBOX\nSANDBOX.run('x = 1')\nwith SANDBOX._pool.checkout() as s: print(s.worker_pid)"
    pid = int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout)
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} outlives the one that started it")
