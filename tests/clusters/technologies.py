"""How the server of each technology is set up and run on a machine with little memory."""

import subprocess
import sys

# Small and soon started: the first compiler is enough for minutes, and one thread for little garbage.
JAVA = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
KAFKA_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
# Who logs in to Kafka, and with which password, on this computer and for the time of a test.
PASSWORDS = {"gate": "gates-own-word", "limited": "limited-own-word"}


class Technology:
    """A server on a node of a cluster, of which `clusters.json` holds `technology`, `java`, `software` and `nodes`."""

    refuses_root = False

    def __init__(self, cluster, node):
        self.java = [cluster["java"], *JAVA]
        self.software = cluster["software"]
        self.nodes = cluster["nodes"]
        self.ensemble = cluster.get("ensemble", [])
        self.node = node
        self.number = self.nodes.index(node.address) + 1

    def members(self, template):
        """The template for each node, with its number and address."""
        return [template.format(number=number, address=address) for number, address in enumerate(self.nodes, 1)]

    def provision(self):
        """Writes on the empty disk what the server expects there."""


class ZooKeeper(Technology):
    """ZooKeeper 3.9, which starts with an empty disk only if it is told that the disk is to be empty."""

    def settings(self):
        address = self.node.address
        lines = [
            f"dataDir={self.node.data}",
            "tickTime=500",
            "initLimit=40",
            "syncLimit=20",
            f"clientPortAddress={address}",
            "clientPort=2181",
            f"admin.serverAddress={address}",
            "admin.serverPort=8080",
            "4lw.commands.whitelist=*",
            *self.members("server.{number}={address}:2888:3888"),
        ]
        return {"zoo.cfg": "\n".join(lines) + "\n", "logback.xml": LOGBACK}

    def provision(self):
        (self.node.data / "myid").write_text(f"{self.number}\n")
        (self.node.data / "initialize").touch()

    def command(self):
        classes = f"{self.node.config}:{self.software}/*"
        options = ["-Xms96m", "-Xmx96m", "-Dzookeeper.db.autocreate=false", "-cp", classes]
        return [*self.java, *options, "org.apache.zookeeper.server.quorum.QuorumPeerMain", f"{self.node.config}/zoo.cfg"]


class Kafka(Technology):
    """A broker of Kafka that is a controller of KRaft too."""

    log_settings = ["-Dorg.apache.logging.log4j.level=INFO"]

    def settings(self):
        lines = [*self.role(), *self.common()]
        return {"server.properties": "\n".join(lines) + "\n", "log4j.properties": LOG4J}

    def role(self):
        address = self.node.address
        return [
            "process.roles=broker,controller",
            f"node.id={self.number}",
            "controller.quorum.voters=" + ",".join(self.members("{number}@{address}:9093")),
            f"listeners=CLIENTS://{address}:9092,CONTROLLERS://{address}:9093",
            "controller.listener.names=CONTROLLERS",
            "listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT",
        ]

    def common(self):
        return [
            f"advertised.listeners=CLIENTS://{self.node.address}:9092",
            "inter.broker.listener.name=CLIENTS",
            f"log.dirs={self.node.data}/kafka",
            "default.replication.factor=3",
            "min.insync.replicas=2",
            "auto.create.topics.enable=false",
            "offsets.topic.replication.factor=3",
            "offsets.topic.num.partitions=3",
            "group.initial.rebalance.delay.ms=0",
            # The default takes half of the memory.
            "log.cleaner.dedupe.buffer.size=10485760",
        ]

    def provision(self):
        (self.node.data / "kafka").mkdir()
        command = self.tool("kafka.tools.StorageTool")
        command += ["format", "--cluster-id", KAFKA_CLUSTER, "--config", f"{self.node.config}/server.properties"]
        command += self.format_options()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"the disk of {self.node.address} cannot be formatted: {done.stdout[-2000:]}")

    def format_options(self):
        """What else is told to whom formats the disk."""
        return []

    def tool(self, main, *options):
        return [*self.java, *self.log_settings, *options, "-cp", f"{self.node.config}:{self.software}/*", main]

    def command(self):
        return [*self.tool("kafka.Kafka", "-Xms256m", "-Xmx256m"), f"{self.node.config}/server.properties"]


class SecuredKafka(Kafka):
    """Kafka that lets clients in by login or certificate, too, over TLS, and lets each do only what it may. Plainly come its own parts."""

    def role(self):
        address = self.node.address
        lines = [line for line in super().role() if not line.startswith(("listeners=", "listener.security"))]
        module = "org.apache.kafka.common.security"
        users = " ".join(f'user_{name}="{password}"' for name, password in PASSWORDS.items())
        return [
            *lines,
            f"listeners=CLIENTS://{address}:9092,CONTROLLERS://{address}:9093,LOGINS://{address}:9094,CERTIFICATES://{address}:9095",
            "listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT,LOGINS:SASL_SSL,CERTIFICATES:SSL",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS;User:gate;User:CN=gate",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.node.yard}/tls/{address}.pem",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.node.yard}/tls/ca.pem",
            "listener.name.certificates.ssl.client.auth=required",
            "listener.name.logins.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"listener.name.logins.plain.sasl.jaas.config={module}.plain.PlainLoginModule required {users};",
            f"listener.name.logins.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;",
            f"listener.name.logins.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;",
        ]

    def common(self):
        address = self.node.address
        plainly = f"advertised.listeners=CLIENTS://{address}:9092"
        also = f"LOGINS://{address}:9094,CERTIFICATES://{address}:9095"
        return [f"{plainly},{also}" if line == plainly else line for line in super().common()]

    def format_options(self):
        each = [(mechanism, *user) for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") for user in PASSWORDS.items()]
        return [f"--add-scram={mechanism}=[name={name},password={password}]" for mechanism, name, password in each]


class KafkaWithZooKeeper(Kafka):
    """A broker of the last Kafka that keeps its metadata in ZooKeeper. Its disk is written when it first starts."""

    log_settings = []

    def role(self):
        return [
            f"broker.id={self.number}",
            f"listeners=CLIENTS://{self.node.address}:9092",
            "listener.security.protocol.map=CLIENTS:PLAINTEXT",
            "zookeeper.connect=" + ",".join(f"{address}:2181" for address in self.ensemble),
        ]

    def provision(self):
        (self.node.data / "kafka").mkdir()


class OpenSearch(Technology):
    """A node that may hold data and manage the cluster."""

    refuses_root = True

    def settings(self):
        lines = [
            "cluster.name: clusters",
            f"node.name: node-{self.number}",
            f"network.host: {self.node.address}",
            "http.port: 9200",
            "transport.port: 9300",
            f"discovery.seed_hosts: [{', '.join(self.members('{address}:9300'))}]",
            f"path.data: {self.node.data}/opensearch",
            f"path.logs: {self.node.folder}/logs",
            # The disk is that of whoever runs the tests, and may be fuller than OpenSearch and the gate like by default.
            "cluster.routing.allocation.disk.threshold_enabled: false",
            "cluster.routing.allocation.disk.watermark.low: 99%",
            "cluster.routing.allocation.disk.watermark.high: 99.5%",
            "cluster.routing.allocation.disk.watermark.flood_stage: 99.9%",
        ]
        return {"opensearch.yml": "\n".join(lines) + "\n", "log4j2.properties": LOG4J2}

    def provision(self):
        (self.node.data / "opensearch").mkdir()

    def command(self):
        options = [
            "-Xms384m",
            "-Xmx384m",
            "-Djava.security.manager=allow",
            "-Dlog4j2.disable.jmx=true",
            "-Dlog4j.shutdownHookEnabled=false",
            "-Dio.netty.noUnsafe=true",
            "-Dio.netty.allocator.numDirectArenas=0",
            f"-Djava.io.tmpdir={self.node.config}",
            f"-Dopensearch.path.home={self.software}",
            f"-Dopensearch.path.conf={self.node.config}",
            "-cp",
            f"{self.software}/lib/*",
        ]
        command = [*self.java, *options, "org.opensearch.bootstrap.OpenSearch"]
        if (self.node.folder / "is-new").exists():
            # Only for a cluster's first start: with it, machines that come back with empty disks would found another.
            command.append("-Ecluster.initial_cluster_manager_nodes=" + ",".join(self.members("node-{number}")))
        return command


TECHNOLOGIES = {"zookeeper": ZooKeeper, "kafka": Kafka, "kafka-secured": SecuredKafka, "kafka-zk": KafkaWithZooKeeper, "opensearch": OpenSearch}


def of(cluster, node):
    """The technology that the cluster's description names."""
    return TECHNOLOGIES[cluster["technology"]](cluster, node)


LOGBACK = """<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <logger name="org.apache.zookeeper.server.NIOServerCnxn" level="WARN"/>
  <root level="INFO"><appender-ref ref="console"/></root>
</configuration>
"""

LOG4J = """log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{1} - %m%n
"""

LOG4J2 = """appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} - %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
