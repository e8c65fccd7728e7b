//! Kafka: brokers (failure-knowledge 1.1 to 1.6) and clients (2.1 to 2.3).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    // Producers.
    text(
        "kafka.not-present-in-metadata",
        "not present in metadata after ",
        r"(?:Partition (?P<partition>\d+) of topic |Topic )(?P<topic>\S+?)(?: with partition count \d+ is)? not present in metadata after (?P<ms>\d+) ms",
    ),
    text(
        "kafka.buffer-exhausted",
        "within the configured max blocking time",
        r"Failed to allocate (?P<bytes>\d+) bytes within the configured max blocking time (?P<ms>\d+) ms",
    ),
    text(
        "kafka.records-expired",
        " ms has passed since ",
        r"Expiring (?P<records>\d+) record\(s\) for (?P<topic>\S+)-(?P<partition>\d+):\s?(?P<ms>\d+) ms has passed since",
    ),
    // franz-go.
    text(
        "kafka.records-expired",
        "records have timed out before they were able",
        r"records have timed out before they were able to be produced",
    ),
    text("kafka.send-failed", "Send failed", r"(?:KafkaException: )?Send failed"),
    text("kafka.send-failed", "KafkaProducerException", r"KafkaProducerException: Failed to send"),
    text(
        "kafka.delivery-timeout-raised",
        "delivery.timeout.ms should be equal to or larger than",
        r"delivery\.timeout\.ms should be equal to or larger than linger\.ms \+ request\.timeout\.ms(?:\. Setting it to (?P<ms>\d+))?",
    ),
    text(
        "kafka.idempotence-dropped",
        "dempotence will be disabled",
        r"[Ii]dempotence will be disabled because (?P<why>[^\n]+)",
    ),
    text(
        "kafka.idempotence-conflict",
        "use the idempotent producer",
        r"Must set (?P<what>[^\n]+?) in order to use the idempotent producer",
    ),
    text(
        "kafka.produce-retried",
        "Got error produce response",
        r"Got error produce response .*?on topic-partition (?P<topic>[^\s,]+)-(?P<partition>\d+), retrying .*?Error: (?P<error>\w+)",
    ),
    text(
        "kafka.not-enough-replicas",
        "NOT_ENOUGH_REPLICAS",
        r"NOT_ENOUGH_REPLICAS(?:_AFTER_APPEND)?",
    ),
    text(
        "kafka.not-enough-replicas",
        "size of the current ISR",
        r"The size of the current ISR (?P<isr>.*?) is insufficient to satisfy the min\.isr requirement of (?P<min_isr>\d+) for partition (?P<partition>\S+)",
    ),
    text(
        "kafka.not-enough-replicas",
        "NotEnoughReplicasException",
        r"NotEnoughReplicas(?:AfterAppend)?Exception",
    ),
    text(
        "kafka.metadata-error",
        "Error while fetching metadata with correlation id",
        r"Error while fetching metadata with correlation id \d+ : \{(?P<topic>[^=\s}]+)=(?P<error>\w+)",
    ),
    text(
        "kafka.metadata-error",
        "metadata response from the cluster reported a recoverable issue",
        r"reported a recoverable issue with correlation id \d+ : \{(?P<topic>[^=\s}]+)=(?P<error>\w+)",
    ),
    text(
        "kafka.producer-config",
        "ProducerConfig values:",
        r"ProducerConfig values:(?s:(?:.*?\n\s*acks = (?P<acks>\S+))?(?:.*?\n\s*bootstrap\.servers = \[(?P<bootstrap_servers>[^\]\n]*)\])?(?:.*?\n\s*delivery\.timeout\.ms = (?P<delivery_timeout_ms>\d+))?(?:.*?\n\s*max\.block\.ms = (?P<max_block_ms>\d+))?(?:.*?\n\s*request\.timeout\.ms = (?P<request_timeout_ms>\d+))?)",
    ),
    // All clients.
    text(
        "kafka.request-timeout",
        "due to request timeout",
        r"Disconnecting from node (?P<node>-?\d+) due to request timeout",
    ),
    text(
        "kafka.request-cancelled",
        "Cancelled in-flight",
        r"Cancelled in-flight (?P<request>\w+) request with correlation id \d+ due to node (?P<node>-?\d+) being disconnected",
    ),
    text(
        "kafka.connection-setup-timeout",
        "socket connection setup timeout",
        r"Disconnecting from node (?P<node>-?\d+) due to socket connection setup timeout\. The timeout value is (?P<ms>\d+) ms",
    ),
    text(
        "kafka.connection-not-established",
        "could not be established",
        r"Connection to node (?P<node>-?\d+) \((?P<address>[^)]*)\) could not be established",
    ),
    text(
        "kafka.bootstrap-disconnected",
        "Bootstrap broker",
        r"Bootstrap broker (?P<address>\S+) \(id: (?P<node>-?\d+) rack: \w+\) disconnected",
    ),
    text(
        "kafka.no-resolvable-bootstrap",
        "No resolvable bootstrap urls",
        r"No resolvable bootstrap urls given in bootstrap\.servers",
    ),
    text(
        "kafka.bootstrap-name-unknown",
        "from bootstrap.servers as DNS resolution failed",
        r"Couldn't resolve server (?P<address>\S+) from bootstrap\.servers as DNS resolution failed for (?P<host>\S+)",
    ),
    text(
        "kafka.invalid-session-timeout",
        "session timeout is not within the range",
        r"The session timeout is not within the range allowed by the broker",
    ),
    text(
        "kafka.unknown-setting",
        "was supplied but isn't a known config",
        r"configuration '(?P<key>[^']+)' was supplied but isn't a known config",
    ),
    text(
        "kafka.unknown-setting",
        "were supplied but are not used yet",
        r"configurations? '?\[?(?P<key>[^\]\n']+)\]?'? were supplied but are not used yet",
    ),
    text(
        "kafka.unknown-setting",
        "These configurations",
        r"These configurations '\[(?P<key>[^\]\n]+)\]' were supplied but are not used yet",
    ),
    text(
        "kafka.authentication-failed",
        "SaslAuthenticationException",
        r"SaslAuthenticationException: (?P<why>[^\n]+)",
    ),
    text(
        "kafka.authentication-failed",
        "failed authentication due to",
        r"Connection to node (?P<node>-?\d+) \((?P<address>[^)]*)\) failed authentication due to: (?P<why>[^\n]+)",
    ),
    // Consumers.
    text(
        "kafka.poll-interval-exceeded",
        "consumer poll timeout has expired",
        r"consumer poll timeout has expired\. This means the time between subsequent calls to poll\(\) was longer than",
    ),
    text(
        "kafka.poll-interval-exceeded",
        "due to consumer poll timeout has expired",
        r"sending LeaveGroup request to coordinator [^\n]*?due to consumer poll timeout has expired",
    ),
    text(
        "kafka.session-timed-out",
        "session timed out without receiving a heartbeat response",
        r"Group coordinator (?P<address>\S+) \(id: (?P<node>\d+) rack: \w+\) is unavailable or invalid due to cause: session timed out without receiving a heartbeat response",
    ),
    text(
        "kafka.coordinator-unavailable",
        "is unavailable or invalid",
        r"Group coordinator (?P<address>\S+) \(id: (?P<node>\d+) rack: \w+\) is unavailable or invalid(?: due to cause: (?P<why>[^.\n]+))?",
    ),
    text(
        "kafka.coordinator-not-available",
        "COORDINATOR_NOT_AVAILABLE",
        r"COORDINATOR_NOT_AVAILABLE",
    ),
    text(
        "kafka.coordinator-not-available",
        "The coordinator is not available",
        r"The coordinator is not available",
    ),
    text(
        "kafka.join-failed",
        "JoinGroup failed",
        r"JoinGroup failed(?: due to fatal error)?: (?P<why>[^\n]+)",
    ),
    text(
        "kafka.heartbeat-above-session",
        "Heartbeat must be set lower than the session timeout",
        r"Heartbeat must be set lower than the session timeout",
    ),
    text(
        "kafka.member-removed",
        "removing it from the group",
        r"Member (?P<member>\S+) in group (?P<group>\S+) has failed, removing it from the group",
    ),
    text(
        "kafka.api-timeout",
        "ms expired before",
        r"Timeout of (?P<ms>\d+)ms expired before (?P<what>[^\n]+)",
    ),
    text(
        "kafka.api-timeout",
        "Failed to get offsets by times in",
        r"Failed to get offsets by times in (?P<ms>\d+)ms",
    ),
    text(
        "kafka.api-timeout",
        "Timeout expired while fetching topic metadata",
        r"Timeout expired while fetching topic metadata",
    ),
    text("kafka.commit-failed", "CommitFailedException", r"CommitFailedException: (?P<why>[^\n]+)"),
    // Administration.
    text(
        "kafka.no-node-assigned",
        "Timed out waiting for a node assignment",
        r"Timed out waiting for a node assignment(?:\. Call: (?P<call>\w+))?",
    ),
    text(
        "kafka.call-not-sent",
        "Timed out waiting to send the call",
        r"Timed out waiting to send the call(?:\. Call: (?P<call>\w+))?",
    ),
    text(
        "kafka.call-retries-exceeded",
        "Exceeded maxRetries",
        r"Exceeded maxRetries after (?P<tries>\d+) tries",
    ),
    text(
        "kafka.replication-not-reachable",
        "target replication factor of",
        r"The target replication factor of (?P<factor>\d+) cannot be reached because only (?P<brokers>\d+) broker\(s\) are registered",
    ),
    text(
        "kafka.replication-not-reachable",
        "larger than available brokers",
        r"Replication factor: (?P<factor>\d+) larger than available brokers: (?P<brokers>\d+)",
    ),
    text(
        "kafka.leader-not-available",
        "LEADER_NOT_AVAILABLE",
        r"(?P<topic>[\w.\-]+)=LEADER_NOT_AVAILABLE|LEADER_NOT_AVAILABLE",
    ),
    // kafkajs, sarama, librdkafka.
    text(
        "kafka.leader-not-available",
        "There is no leader for this topic-partition",
        r"There is no leader for this topic-partition as we are in the middle of a leadership election",
    ),
    text(
        "kafka.leader-not-available",
        "there is currently no leader for this partition",
        r"there is currently no leader for this partition and hence it is unavailable for writes",
    ),
    text(
        "kafka.leader-not-available",
        "Broker: Leader not available",
        r"Broker: Leader not available",
    ),
    // The quorum.
    text(
        "kafka.unclean-election",
        "UNCLEAN partition change for",
        r"UNCLEAN partition change for (?P<partition>\S+?)(?: with topic ID \S+?)?: [^\n]*?leader: (?P<from>-?\d+) -> (?P<to>-?\d+)",
    ),
    text(
        "kafka.raft-candidate",
        "due to fetch timeout",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Become candidate due to fetch timeout",
    ),
    text(
        "kafka.raft-candidate",
        "Election has timed out, backing off",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Election has timed out, backing off for (?P<ms>\d+) ?ms",
    ),
    text(
        "kafka.raft-candidate",
        "Re-elect as candidate",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Re-elect as candidate after election backoff has completed",
    ),
    // From 4.0 on a voter asks for votes twice.
    text(
        "kafka.raft-candidate",
        "Transitioning to Prospective state due to",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Transitioning to Prospective state due to fetch timeout",
    ),
    text(
        "kafka.raft-candidate",
        "Election was not granted",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Election was not granted, transitioning to prospective",
    ),
    text(
        "kafka.raft-majority-lost",
        "Did not receive fetch request from the majority",
        r"Did not receive fetch request from the majority of the voters within (?P<ms>\d+)ms\. Current fetched voters are (?P<voters>[\[{][^\]}]*[\]}])",
    ),
    text(
        "kafka.raft-votes-rejected",
        "Insufficient remaining votes to become leader",
        r"Insufficient remaining votes to become leader \((?:rejected by|We rejected by) (?P<by>[^)]*)\)",
    ),
    text("kafka.raft-no-leader", "the leader is (none)", r"the leader is \(none\)"),
    text(
        "kafka.raft-voters",
        "Completed transition to",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Completed transition to \w+\([^\n]*?voters=\[(?P<voters>\d+(?:, \d+)*)\]",
    ),
    text(
        "kafka.raft-voters",
        "voteStates={",
        r"\[RaftManager (?:id|nodeId)=(?P<node>\d+)\] Completed transition to \w+\([^\n]*?voteStates=\{(?P<voters>\d+=\w+(?:, \d+=\w+)*)\}",
    ),
    text(
        "kafka.heartbeat-not-sent",
        "Unable to send a heartbeat because the RPC got timed out",
        r"\[BrokerLifecycleManager id=(?P<node>\d+).*?Unable to send a heartbeat because the RPC got timed out before it could be sent|Unable to send a heartbeat because the RPC got timed out before it could be sent",
    ),
    text(
        "kafka.not-registered",
        "unable to register with the controller quorum",
        r"Shutting down because we were unable to register with the controller quorum",
    ),
    text(
        "kafka.broker-fenced",
        "because its session has timed out",
        r"Fencing broker (?P<node>\d+) (?:at epoch \d+ )?because its session has timed out",
    ),
    text(
        "kafka.producer-ids-not-allocated",
        "Timed out when requesting AllocateProducerIds",
        r"Timed out when requesting AllocateProducerIds from the controller",
    ),
    text(
        "kafka.producer-ids-not-allocated",
        "Producer ID block is full",
        r"Producer ID block is full",
    ),
    text(
        "kafka.replica-fetch-failed",
        "Error in response for fetch request",
        r"Error in response for fetch request",
    ),
    text(
        "kafka.replica-fetch-failed",
        "Error sending fetch request",
        r"\[ReplicaFetcher replicaId=(?P<node>\d+), leaderId=(?P<leader>\d+).*?Error sending fetch request",
    ),
    text(
        "kafka.isr-shrunk",
        "Shrinking ISR from",
        r"\[Partition (?P<partition>\S+) broker=(?P<node>\d+)\] Shrinking ISR from (?P<from>\S+) to (?P<to>\S+)",
    ),
    text("kafka.started", "Kafka Server started", r"Kafka Server started"),
    text(
        "kafka.started",
        "(kafka.server.KafkaServer)",
        r"\[KafkaServer id=(?P<node>\d+)\] started",
    ),
    // Identity on disk.
    text(
        "kafka.stale-cluster-id",
        "Invalid cluster.id in",
        r"Invalid cluster\.id in: (?P<path>\S+?)\. Expected (?P<expected>[^,\s]+), but read (?P<read>\S+)",
    ),
    text(
        "kafka.stale-cluster-id",
        "The Cluster ID",
        r"The Cluster ID (?P<expected>\S+) doesn't match stored clusterId Some\((?P<read>[^)]+)\)",
    ),
    text(
        "kafka.stale-cluster-id",
        "Expected cluster ID",
        r"Expected cluster ID (?P<expected>[^,\s]+), but got cluster ID (?P<read>\S+)",
    ),
    text(
        "kafka.stale-node-id",
        "Stored node id",
        r"Stored node id (?P<read>\S+) doesn't match previous node id (?P<expected>\S+)",
    ),
    // librdkafka.
    text("librdkafka.message-timed-out", "Local: Message timed out", r"Local: Message timed out"),
    text("librdkafka.unknown-topic", "Local: Unknown topic", r"Local: Unknown topic"),
    text(
        "librdkafka.requests-timed-out",
        "request(s) timed out: disconnect",
        r"(?P<requests>\d+) request\(s\) timed out: disconnect",
    ),
    text("librdkafka.timed-out", "Local: Timed out", r"Local: Timed out"),
    text(
        "librdkafka.connection-setup-timeout",
        "Connection setup timed out in state",
        r"Connection setup timed out in state (?P<state>\w+)",
    ),
    text(
        "librdkafka.poll-interval-exceeded",
        "Application maximum poll interval",
        r"Application maximum poll interval \((?P<setting_ms>\d+)ms\) exceeded by (?P<ms>\d+)ms",
    ),
    text("librdkafka.queue-full", "Local: Queue full", r"Local: Queue full"),
    text(
        "librdkafka.connect-failed",
        "Connect to ipv",
        r"(?:(?P<host>[\w.\-]+):\d+/\S+: )?Connect to ipv[46]#(?P<address>\S+) failed: (?P<why>[^(\n]+?)(?: \(|$)",
    ),
    text(
        "librdkafka.brokers-down",
        "brokers are down",
        r"(?P<down>\d+)/(?P<all>\d+) brokers are down",
    ),
    text(
        "librdkafka.brokers-down",
        "Local: All broker connections are down",
        r"Local: All broker connections are down",
    ),
    text(
        "librdkafka.transport-failure",
        "Local: Broker transport failure",
        r"Local: Broker transport failure",
    ),
    text(
        "librdkafka.name-unknown",
        "Local: Host resolution failure",
        r"Local: Host resolution failure",
    ),
];
