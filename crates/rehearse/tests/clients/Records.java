// A client as a rehearsal wants it: sends numbered records, reads them again, and prints a line of
// JSON for each event. It ends when its standard input ends.

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Records {
    static final String TOPIC = System.getenv("WONIN_TOPIC");
    static final String PREFIX = System.getenv("WONIN_PREFIX");
    static final AtomicBoolean OVER = new AtomicBoolean();

    public static void main(String[] args) throws Exception {
        Thread reader = new Thread(Records::read);
        Thread sender = new Thread(Records::send);
        reader.start();
        sender.start();
        while (System.in.read() >= 0) {}
        OVER.set(true);
        sender.join();
        // What was sent last is read, too.
        Thread.sleep(1000);
        reader.interrupt();
        reader.join();
    }

    static Properties common() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("WONIN_BOOTSTRAP"));
        for (String pair : System.getenv().getOrDefault("SETTINGS", "").split(",")) {
            if (pair.contains("=")) {
                properties.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
            }
        }
        return properties;
    }

    static void send() {
        long periodMs = (long) Math.max(1, 1000 / Double.parseDouble(System.getenv("WONIN_RATE")));
        try (var producer = new KafkaProducer<>(common(), new StringSerializer(), new StringSerializer())) {
            for (long n = 0; !OVER.get(); n++) {
                long number = n;
                System.out.println("{\"try\":" + number + "}");
                try {
                    producer.send(new ProducerRecord<>(TOPIC, PREFIX + number), (told, error) -> {
                        if (error == null) {
                            System.out.println("{\"ack\":" + number + ",\"partition\":" + told.partition()
                                    + ",\"offset\":" + told.offset() + "}");
                        } else {
                            failed(number, error);
                        }
                    });
                } catch (RuntimeException error) {
                    failed(number, error);
                }
                Thread.sleep(periodMs);
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    static void failed(long number, Exception error) {
        String message = String.valueOf(error.getMessage()).replace("\\", "/").replace("\"", "'").replace("\n", " ");
        System.out.println("{\"fail\":" + number + ",\"error\":\"" + error.getClass().getSimpleName()
                + "\",\"message\":\"" + message + "\"}");
    }

    static void read() {
        Properties properties = common();
        properties.put("group.id", System.getenv("WONIN_GROUP"));
        properties.put("auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println("{\"read\":\"" + record.value() + "\",\"partition\":" + record.partition()
                            + ",\"offset\":" + record.offset() + "}");
                }
            }
        } catch (org.apache.kafka.common.errors.InterruptException over) {
            // The end.
        }
    }
}
