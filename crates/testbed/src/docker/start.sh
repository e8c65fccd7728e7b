# Starts Kafka in a container from the environment, as the published images document it.
# WONIN_IMAGE says which image this stands in for: bitnami or apache.
set -eu
properties=/opt/kafka/server.properties

# NAME_OF_PROPERTY -> name.of.property; in Apache's image __ is _ and ___ is -.
property() {
    echo "$1" | tr 'A-Z_' 'a-z.' | if [ "$WONIN_IMAGE" = apache ]; then
        sed -e 's/\.\.\./-/g' -e 's/\.\./_/g'
    else
        sed -e 's/sasl\.ssl/sasl_ssl/g' -e 's/sasl\.plaintext/sasl_plaintext/g'
    fi
}

# A later line wins over an earlier one, so that the base file is written first.
if [ "$WONIN_IMAGE" = bitnami ]; then
    data=/bitnami/kafka/data
    prefix=KAFKA_CFG_
    cluster=${KAFKA_KRAFT_CLUSTER_ID:-}
    cat > $properties <<BASE
num.network.threads=3
num.io.threads=8
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
log.dirs=$data
BASE
    # The older names that the image copies to KAFKA_CFG_NAME.
    for old in ADVERTISED_LISTENERS LISTENERS NODE_ID BROKER_ID PROCESS_ROLES \
        CONTROLLER_QUORUM_VOTERS CONTROLLER_LISTENER_NAMES INTER_BROKER_LISTENER_NAME \
        LISTENER_SECURITY_PROTOCOL_MAP DEFAULT_REPLICATION_FACTOR NUM_PARTITIONS \
        OFFSETS_TOPIC_REPLICATION_FACTOR AUTO_CREATE_TOPICS_ENABLE; do
        eval "value=\${KAFKA_$old-}"
        [ -z "$value" ] || echo "$(property $old)=$value" >> $properties
    done
else
    data=${KAFKA_LOG_DIRS:-/tmp/kraft-combined-logs}
    prefix=KAFKA_
    cluster=${CLUSTER_ID:-}
    echo "log.dirs=$data" > $properties
fi

env | grep "^$prefix" | while IFS= read -r line; do
    name=${line%%=*}
    case $name in
        KAFKA_VERSION | KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_JMX_* | KAFKA_LOG4J_* | \
            KAFKA_JVM_PERFORMANCE_OPTS | KAFKA_GC_LOG_OPTS | KAFKA_TOOLS_LOG4J_LOGLEVEL) continue ;;
    esac
    echo "$(property "${name#"$prefix"}")=${line#*=}" >> $properties
done

# The volume's identity wins over the environment.
stored=$(sed -n 's/^cluster\.id=//p' "$data/meta.properties" 2>/dev/null || true)
jvm="${KAFKA_HEAP_OPTS:--Xmx256m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${KAFKA_OPTS:-}"
logs=-Dlog4j.configuration=file:/opt/kafka/log4j.properties
if [ -z "$stored" ]; then
    [ -n "$cluster" ] || cluster=$(java $jvm $logs -cp '/opt/kafka/libs/*' kafka.tools.StorageTool random-uuid | tail -1)
    java $jvm $logs -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format -g -t "$cluster" -c $properties
fi
exec java $jvm $logs -cp '/opt/kafka/libs/*' kafka.Kafka $properties
