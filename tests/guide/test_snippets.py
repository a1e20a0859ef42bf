"""Every piece of code in the guide is a file that does what the guide says."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from reader import CHECKOUT, LIBRARY, PATIENCE, SNIPPETS, run

PEM = ("server-cert.pem", "server-key.pem")
SYNC = CHECKOUT / "scripts" / "sync-guide"
CHAPTERS = sorted((CHECKOUT / "docs" / "guide").glob("*.md"))


def visit(guide, port, *, name="localhost", cert=None, say=b""):
    """All that a server says to Python's own ssl, which verifies it; and the server's certificate."""
    context = ssl.create_default_context(cafile=guide.directory / "ca.pem")
    if name != "localhost":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if cert:
        context.load_cert_chain(guide.directory / f"{cert}-cert.pem", guide.directory / f"{cert}-key.pem")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            certificate = secure.getpeercert(binary_form=True)
            secure.sendall(say)
            return b"".join(iter(lambda: secure.recv(65536), b"")), certificate


# ---- the text ----


def test_the_chapters_show_the_files_as_they_are():
    run(SYNC, "--check")


@pytest.mark.parametrize("change, why", [
    ((r"tls_loop_run", "tls_loop_ruin"), "tls_loop_ruin"),          # in a block: not as in the file
    ((r"<!-- snippet: check.h -->", ""), "no file stands for"),
    ((r"snippet: check.h", "snippet: none.h"), "there is no"),
    ((r"snippet: check.h", "snippet: check.h none"), r"no part \[none\]"),
], ids=["changed", "unmarked", "missing", "no part"])  # fmt: skip
def test_a_chapter_that_shows_something_else_is_found(tmp_path, change, why):
    shutil.copytree(CHECKOUT / "docs" / "guide", tmp_path / "guide")
    chapter = tmp_path / "guide" / "quick-start.md"
    text = re.sub(*change, chapter.read_text())
    assert text != chapter.read_text()
    chapter.write_text(text)
    done = subprocess.run([SYNC, "--check", tmp_path / "guide"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and re.search(why, done.stderr), done.stderr


def test_each_file_is_shown_and_run():
    shown = {name for chapter in CHAPTERS for name in re.findall(r"<!-- snippet: (\S+)", chapter.read_text())}
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("*.py"))
    for path in SNIPPETS.iterdir():
        assert path.name in shown, f"{path.name} is in no chapter"
        name = path.stem if path.suffix in (".c", ".cpp") else path.name
        assert f'"{name}"' in here or path.suffix == ".h", f"{path.name} is run by no test"


# ---- quick start ----


def test_hello_in_c(guide):
    with guide.serving("hello_server", 0, *PEM) as server:
        out = guide.call("hello_client", "127.0.0.1", server.port, "ca.pem", "localhost")
        chapter = (CHECKOUT / "docs" / "guide" / "quick-start.md").read_text()
        assert f"<!-- output: hello_client.c -->\n```text\n{out}```" in chapter
        assert "ERR_TLS_CERT_ALTNAME_INVALID" in guide.fails("hello_client", "127.0.0.1", server.port, "ca.pem", "else")
    assert "ENOENT" in guide.fails("hello_server", 0, "none", "none")


def test_hello_in_cpp(guide):
    with guide.serving("hello_cpp", 0, *PEM) as server:
        assert guide.call("hello_client", "127.0.0.1", server.port, "ca.pem", "localhost").endswith("how are you?\n")
    assert "ENOENT" in guide.fails("hello_cpp", 0, "none", "none")


@pytest.mark.parametrize("name, said", [("hello.py", "hello\n"), ("hello_asyncio.py", "hello, asyncio\n")])
def test_hello_in_python(guide, name, said):
    python = {"PYTHONPATH": str(CHECKOUT / "python")}
    assert run(sys.executable, SNIPPETS / name, *PEM, "ca.pem", cwd=guide.directory, **python) == said


def test_the_commands_to_build_do(guide, tmp_path):
    """With a tlspair.pc for the library of the tests; the installed one is tried by tests/consumers."""
    (tmp_path / "tlspair.pc").write_text(
        f"Name: tlspair\nDescription: -\nVersion: 0\nCflags: -I{CHECKOUT / 'include'}\n"
        f"Libs: -L{LIBRARY.parent} -ltlspair -Wl,-rpath,{LIBRARY.parent}\n"
    )
    for name in ("check.h", "hello_server.c", "hello_client.c"):
        shutil.copy(SNIPPETS / name, tmp_path)
    run("sh", "-e", SNIPPETS / "build.sh", cwd=tmp_path, PKG_CONFIG_PATH=str(tmp_path))
    assert (tmp_path / "hello_server").exists() and (tmp_path / "hello_client").exists()


# ---- certificates ----


def test_certificates_are_what_the_chapter_says(guide):
    out = guide.shell("show_certificates.sh")
    assert "server-cert.pem: OK" in out and "DNS:localhost, IP Address:127.0.0.1" in out
    one, other = re.findall(r"^([0-9a-f]{64})  -$", out, re.M)
    assert one == other


# ---- servers and clients ----


def test_server_with_client_certificates(guide):
    with guide.serving("server", 0, *PEM, "ca.pem") as server:
        out = guide.call("client", "127.0.0.1", server.port, "ca.pem", "localhost", "client-cert.pem", "client-key.pem")
        assert out == "alice: 2 lines\n"
        # A server's certificate is none for clients: refused.
        assert "ALERT" in guide.fails("client", "127.0.0.1", server.port, "ca.pem", "localhost", *PEM)
        server.terminate()
        assert server.stdout.read() == "stopped\n" and server.wait(PATIENCE) == 0
    said = guide.fails("client", "127.0.0.1", server.port, "ca.pem", "localhost", "client-cert.pem", "client-key.pem")
    assert said.startswith("try again later: ECONNREFUSED")


@pytest.mark.parametrize("decide", [False, True], ids=["table", "decided"])
def test_names(guide, decide):
    other = ("other-cert.pem", "other-key.pem")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj",
        "/CN=other.example", "-out", other[0], "-keyout", other[1], cwd=guide.directory)  # fmt: skip
    environment = {"DECIDE": "1"} if decide else {}
    with guide.serving("names", 0, *PEM, *other, **environment) as server:
        answer, first = visit(guide, server.port)
        assert answer == b"localhost"
        if decide:
            with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
                visit(guide, server.port, name="other.example")
        else:
            for name in ("other.example", "www.other.example"):
                answer, second = visit(guide, server.port, name=name)
                assert answer == name.encode() and second != first


def test_large_answers_take_little_memory(guide):
    megabytes = 64
    with guide.serving("send_large", 0, *PEM, megabytes) as server:
        answer, _ = visit(guide, server.port)
        assert len(answer) == megabytes << 20
        assert answer[::65536] == bytes(range(256)) * (megabytes * 16 // 256)
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
        assert int(peak.group(1)) < (megabytes << 10) // 2


# ---- own transport, loops, sessions ----


def test_own_transport(guide):
    with guide.serving("hello_server", 0, *PEM) as server:
        assert guide.call("own_transport", "127.0.0.1", server.port, "ca.pem", "localhost") == "hello\nhow are you?\n"
        said = guide.fails("own_transport", "127.0.0.1", server.port, "ca.pem", "other.example")
        assert "ERR_TLS_CERT_ALTNAME_INVALID" in said


def test_poll(guide):
    with guide.serving("poll", *PEM) as server:
        for _ in range(3):
            assert guide.call("hello_client", "127.0.0.1", server.port, "ca.pem", "localhost").endswith("how are you?\n")
        server.stdin.close()
        assert server.wait(PATIENCE) == 0
        server.stdin = None


def test_threads(guide):
    count = 4
    with guide.serving("threads", *PEM, count) as server:
        for _ in range(count):
            assert guide.call("hello_client", "127.0.0.1", server.port, "ca.pem", "localhost").endswith("how are you?\n")
        assert server.wait(PATIENCE) == 0


def test_post(guide):
    with guide.serving("post", 0, *PEM) as server:
        context = ssl.create_default_context(cafile=guide.directory / "ca.pem")
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"louder")
                assert secure.recv(100) == b"LOUDER"
                secure.sendall(b"nobody waits for this")
        # The stream that the answer is for has gone, or goes; the server lives on.
        assert guide.call("hello_client", "127.0.0.1", server.port, "ca.pem", "localhost")
        assert server.poll() is None


def test_resume(guide):
    with guide.serving("hello_server", 0, *PEM) as server:
        assert guide.call("resume", "127.0.0.1", server.port, "ca.pem", "localhost") == "full handshake\nresumed\n"


# ---- errors ----


def test_errors_say_what_the_chapter_shows(guide):
    chapter = (CHECKOUT / "docs" / "guide" / "errors.md").read_text()
    shown = re.search(r"<!-- output: errors.c -->\n```text\n(.*?)```", chapter, re.S).group(1)
    said = guide.call("errors", *PEM, "ca.pem")
    # As OpenSSL before 3.2 calls it.
    assert said.replace("ssl/tls alert", "sslv3 alert").replace("SSL_TLS_ALERT", "SSLV3_ALERT") == shown


def test_s_client_shows_what_the_chapter_says(guide):
    with guide.serving("hello_server", 0, *PEM) as server:
        out = guide.shell("s_client.sh", PORT=str(server.port))
    assert "subject=CN = localhost" in out.replace("CN=", "CN = ") and "DNS:localhost" in out
    assert re.search(r"^<<< .*Certificate", out, re.M)


def test_s_server_turns_lines_round(guide):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    command = (SNIPPETS / "s_server.sh").read_text().splitlines()[-1]   # without the shell, which would outlive it
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=guide.directory, env={"PORT": str(port), "PATH": "/usr/bin:/bin:/usr/local/bin"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not (line := process.stdout.readline()).startswith("ACCEPT"):
            assert line
        out = guide.call("hello_client", "127.0.0.1", port, "ca.pem", "localhost")
        assert out.endswith("?uoy era woh\n")
    finally:
        process.kill()
        process.communicate()
