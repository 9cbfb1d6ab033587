"""MongoDB that requires passwords or X.509, and TLS of a private CA. A module for other scripts, not a command."""
import contextlib
import secrets
import subprocess

from expect import eventually


class SecuredSet:
    """A replica set on this machine. `hosts` has the port of each name; the files are in `home`."""

    def __init__(self, home, hosts):
        self.home, self.hosts, self.processes = home, hosts, []
        self.places = ",".join(f"{name}:{port}" for name, port in hosts.items())
        self.first = next(iter(hosts.values()))

    def certificate(self, name, subject, *names):
        run = lambda *command: subprocess.run(command, check=True, cwd=self.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        if name == "ca":
            run("openssl", "req", "-x509", *key, "-out", "ca.pem", "-days", "2", "-subj", subject)
            return
        run("openssl", "req", "-new", *key, "-out", f"{name}.csr", "-subj", subject)
        extensions = self.home / f"{name}.extensions"
        # Without extensions, openssl makes a certificate of version 1, which rustls refuses.
        extensions.write_text("subjectAltName=" + ",".join(names) if names else "extendedKeyUsage=clientAuth")
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.crt", "-days", "2", "-extfile", str(extensions))
        (self.home / f"{name}.pem").write_text((self.home / f"{name}.crt").read_text() + (self.home / f"{name}.key").read_text())

    def start(self, program):
        self.certificate("ca", "/CN=Private CA")
        self.certificate("server", "/O=example/OU=databases/CN=mongodb", *(f"DNS:{name}" for name in self.hosts), "IP:127.0.0.1")
        self.certificate("client", "/O=example/OU=services/CN=todo-api")
        (self.home / "keyfile").write_text(secrets.token_hex(48))
        (self.home / "keyfile").chmod(0o600)
        for port in self.hosts.values():
            data = self.home / f"data{port}"
            data.mkdir()
            command = [program, "--dbpath", data, "--port", port, "--bind_ip", "127.0.0.1", "--replSet", "rs0",
                       "--keyFile", self.home / "keyfile", "--tlsMode", "requireTLS", "--tlsCAFile", self.home / "ca.pem",
                       "--tlsCertificateKeyFile", self.home / "server.pem", "--tlsAllowConnectionsWithoutCertificates",
                       "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64",
                       "--setParameter", "diagnosticDataCollectionEnabled=false"]
            with open(self.home / f"mongod{port}.log", "wb") as log:
                self.processes.append(subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        self.form()

    def client(self, port=None, login=True):
        from pymongo import MongoClient
        place = {"host": "127.0.0.1", "port": port, "directConnection": True} if port else {"host": f"mongodb://{self.places}/?replicaSet=rs0"}
        user = {"username": "root", "password": "root"} if login else {}
        return MongoClient(**place, **user, tls=True, tlsCAFile=str(self.home / "ca.pem"), serverSelectionTimeoutMS=10_000)

    def form(self):
        from pymongo.errors import PyMongoError
        members = [{"_id": number, "host": host} for number, host in enumerate(self.places.split(","))]
        members[0]["priority"] = 2
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        eventually("the set is initiated", lambda: self.attempt(
            self.first, "replSetInitiate", {"_id": "rs0", "members": members, "settings": settings}))
        # MongoDB allows this once without a login, from the same machine.
        eventually("the first user exists", lambda: self.attempt(self.first, "createUser", "root", pwd="root", roles=["root"]))

        def all_ready():
            with contextlib.suppress(PyMongoError), self.client(self.first) as client:
                states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
                return sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (len(states) - 1)
        eventually("all nodes are ready", all_ready)

    def attempt(self, port, *command, **more):
        from pymongo.errors import PyMongoError
        try:
            with self.client(port, login=False) as client:
                return client.admin.command(*command, **more)
        except PyMongoError:
            return None

    def create_users(self, password):
        """The same roles as in docs/operating.md."""
        with self.client() as client:
            roles = [{"role": "readWrite", "db": name} for name in ("todolistapp", "restored")]
            client.admin.command("createUser", "todo-api", pwd=password, roles=roles)
            client.admin.command("createUser", "nobody", pwd="nobody", roles=[])
            client["$external"].command("createUser", "CN=todo-api,OU=services,O=example", roles=roles)

    def step_down(self):
        from pymongo.errors import PyMongoError
        with self.client() as client:
            # The primary closes its connections.
            with contextlib.suppress(PyMongoError):
                client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=5)

    def term(self):
        with self.client() as client:
            return client.admin.command("replSetGetStatus")["term"]

    def stop(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
