"""The one server that all of them fetch from: nginx, from a folder of its own, on free ports."""

import hashlib
import os
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"

CONFIG = """
daemon off; pid {at}/nginx.pid; error_log {at}/errors; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
    default_type application/octet-stream;
    sendfile on; tcp_nopush on; keepalive_requests 100000;
    log_format fetched '$request_uri $body_bytes_sent';
    access_log off;
    client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;
    uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
    ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    server {{ listen 127.0.0.1:{plain}; root {at}/files; }}
    server {{ listen 127.0.0.1:{tls} ssl; root {at}/files; }}
    server {{ listen 127.0.0.1:{limited}; root {at}/files; limit_rate 5m; }}
    server {{ listen 127.0.0.1:{single}; root {at}/files; limit_rate 50000000; sendfile_max_chunk 64k; access_log {at}/fetched fetched; }}
    server {{ listen 127.0.0.1:{split}; root {at}/files; limit_rate 3125000; sendfile_max_chunk 64k; access_log {at}/fetched fetched; }}
    server {{ listen 127.0.0.1:{trickle}; root {at}/files; limit_rate 1k; }}
}}
"""
PORTS = ("plain", "tls", "limited", "single", "split", "trickle")


class Server:
    """A running nginx and the files that it serves."""

    def __init__(self, folder):
        self.at = Path(folder) / "server"
        (self.at / "files").mkdir(parents=True)
        os.chmod(folder, 0o755)
        self.sums = {}
        self._random = random.Random(20)
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS))))
        self._certify()
        user = "user root;" if os.geteuid() == 0 else ""
        config = self.at / "config"
        config.write_text(CONFIG.format(at=self.at, user=user, **self.ports))
        self._child = subprocess.Popen([NGINX, "-e", str(self.at / "errors"), "-c", str(config)])
        self._wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.terminate()
        self._child.wait(10)

    def _wait(self):
        for _ in range(1000):
            if self._child.poll() is not None:
                raise RuntimeError((self.at / "errors").read_text())
            try:
                socket.create_connection(("127.0.0.1", self.ports["plain"]), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("nginx doesn't answer")

    def _certify(self):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-keyout", str(self.at / "key.pem"), "-out", str(self.at / "cert.pem"), "-days", "2"]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def ca(self):
        """The certificate that clients of the https port must trust."""
        return self.at / "cert.pem"

    def url(self, name, port="plain"):
        """Returns a file's address on one of the ports."""
        scheme = "https" if port == "tls" else "http"
        return f"{scheme}://127.0.0.1:{self.ports[port]}/{name}"

    def put(self, name, size):
        """Makes a file of random bytes, once, dated so that its validators are settled."""
        if name in self.sums:
            return name
        path, digest, left = self.at / "files" / name, hashlib.sha256(), size
        with open(path, "wb") as file:
            while left:
                block = self._random.randbytes(min(left, 1 << 20))
                file.write(block)
                digest.update(block)
                left -= len(block)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        self.sums[name] = digest.hexdigest()
        return name

    def fetched(self, name):
        """How many bytes of a file's body went out through the counted ports since the last call."""
        # A connection that was killed is logged when nginx notices: at its next write.
        time.sleep(0.3)
        log = self.at / "fetched"
        lines = [line.split() for line in log.read_text().splitlines()]
        os.truncate(log, 0)
        return sum(int(sent) for uri, sent in lines if uri == f"/{name}")


def _free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
