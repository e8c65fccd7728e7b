// Sends numbers for some seconds and reads them back in a group: java KafkaClient.java BOOTSTRAP TOPIC SECONDS
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class KafkaClient {
    static final Set<String> read = ConcurrentHashMap.newKeySet();
    static final AtomicInteger twice = new AtomicInteger();
    static final AtomicBoolean done = new AtomicBoolean();

    static void consume(String bootstrap, String topic) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("client.id", "java");
        properties.put("group.id", "java-" + topic);
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(List.of(topic));
            while (!done.get()) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    if (!read.add(record.value())) twice.incrementAndGet();
                });
            }
        }
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1];
        long end = System.nanoTime() + Integer.parseInt(args[2]) * 1_000_000_000L;
        Thread consumer = new Thread(() -> consume(bootstrap, topic));
        consumer.start();
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("client.id", "java");
        properties.put("acks", "all");
        properties.put("request.timeout.ms", "5000");
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        Set<String> acknowledged = ConcurrentHashMap.newKeySet();
        AtomicInteger failed = new AtomicInteger();
        int sent = 0;
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
            while (System.nanoTime() < end) {
                String number = Integer.toString(sent++);
                producer.send(new ProducerRecord<>(topic, number, number), (metadata, error) -> {
                    if (error == null) acknowledged.add(number);
                    else {
                        failed.incrementAndGet();
                        System.err.println(number + ": " + error);
                    }
                });
                Thread.sleep(10);
            }
        }
        for (int wait = 0; wait < 600 && !read.containsAll(acknowledged); wait++) Thread.sleep(100);
        done.set(true);
        consumer.join();
        long missing = acknowledged.stream().filter(number -> !read.contains(number)).count();
        System.out.printf("{\"sent\":%d,\"acknowledged\":%d,\"failed\":%d,\"read\":%d,\"missing\":%d,\"twice\":%d}%n",
            sent, acknowledged.size(), failed.get(), read.size(), missing, twice.get());
    }
}
