import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.Scanner;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The clients of cases/one-broker-down without Spring: each line of standard input is sent. */
public class Messages {

    private static final Logger log = LoggerFactory.getLogger("app.messages.MessageSender");

    /** Producer's bootstrap servers, listener's, then settings of the producer: NAME=VALUE. */
    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        for (int i = 2; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        Thread listener = new Thread(() -> listen(args[1]), "listener");
        listener.setDaemon(true);
        listener.start();
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String text = lines.nextLine();
            new Thread(() -> send(producer, text), "sender").start();
        }
    }

    private static void send(KafkaProducer<String, String> producer, String text) {
        long begun = System.nanoTime();
        try {
            producer.send(new ProducerRecord<>("my_topic", "key", text)).get();
            log.info("sent {} in {} ms", text, (System.nanoTime() - begun) / 1_000_000);
        } catch (Exception failure) {
            log.warn("not sent after {} ms", (System.nanoTime() - begun) / 1_000_000, failure);
        }
    }

    private static void listen(String servers) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("group.id", "my-group");
        settings.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("my_topic"));
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    log.info("received {}", record.value());
                }
            }
        }
    }
}
