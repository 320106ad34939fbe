"""`git http-backend` behind a small http server on loopback, which counts what passes and can be slow on purpose."""
import http.server
import os
import subprocess
import threading
import time

from registry import git_environment


class Counts:
    """What has passed since the last `reset`."""

    def __init__(self):
        self._lock = threading.Lock()
        self.reset()

    def reset(self):
        with self._lock:
            self.bytes = self.down = self.posts = self.requests = self.pushes = 0

    def up(self, count):
        with self._lock:
            self.bytes += count

    def downward(self, count):
        with self._lock:
            self.bytes += count
            self.down += count

    def request(self, method, path):
        with self._lock:
            self.requests += 1
            is_push = path.endswith("/git-receive-pack")
            self.pushes += is_push
            # What comes after a push confirms it.
            self.posts += method == "POST" and not is_push and not self.pushes


class _Counted:
    """A stream that counts what passes through it, headers included."""

    def __init__(self, inner, add):
        self._inner, self._add = inner, add

    def read(self, *size):
        data = self._inner.read(*size)
        self._add(len(data))
        return data

    def readline(self, *size):
        data = self._inner.readline(*size)
        self._add(len(data))
        return data

    def write(self, data):
        self._add(len(data))
        return self._inner.write(data)

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Server:
    """Serves the repositories below `root`; `delay` is slept before each answer, in seconds."""

    def __init__(self, root):
        self.root, self.delay, self.counts = str(root), 0.0, Counts()
        backend = subprocess.run(["git", "--exec-path"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.backend = os.path.join(backend, "git-http-backend")
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def environment(self, request, length):
        path, _, query = request.path.partition("?")
        environment = git_environment()
        environment.update(
            GIT_PROJECT_ROOT=self.root, GIT_HTTP_EXPORT_ALL="1", REQUEST_METHOD=request.command, PATH_INFO=path, QUERY_STRING=query,
            CONTENT_TYPE=request.headers.get("Content-Type", ""), CONTENT_LENGTH=str(length), REMOTE_ADDR="127.0.0.1",
            GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*",
        )
        if request.headers.get("Content-Encoding"):
            environment["HTTP_CONTENT_ENCODING"] = request.headers["Content-Encoding"]
        if request.headers.get("Git-Protocol"):
            environment["GIT_PROTOCOL"] = request.headers["Git-Protocol"]
        return environment

    def _handler(server):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                self.rfile, self.wfile = _Counted(self.rfile, server.counts.up), _Counted(self.wfile, server.counts.downward)

            def log_message(self, *_):
                pass

            def body(self):
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                pieces = []
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)

            def serve(self):
                data = self.body()
                server.counts.request(self.command, self.path)
                time.sleep(server.delay)
                environment = server.environment(self, len(data))
                backend = subprocess.Popen([server.backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
                feeder = threading.Thread(target=self.feed, args=(backend.stdin, data))
                feeder.start()
                self.answer(backend.stdout)
                feeder.join()
                backend.stdout.close()
                backend.wait()

            def feed(self, pipe, data):
                try:
                    with pipe:
                        pipe.write(data)
                except OSError:
                    pass  # the backend ended early, and its answer says why

            def answer(self, pipe):
                status, headers = 200, []
                while line := pipe.readline().rstrip(b"\r\n"):
                    name, _, value = line.decode("latin-1").partition(":")
                    if name.lower() == "status":
                        status = int(value.split()[0])
                    else:
                        headers.append((name, value.strip()))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while piece := pipe.read1(65536):
                    self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST = serve

        return Handler
