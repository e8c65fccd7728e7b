package app.messages;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.stereotype.Service;

@Service
public class MessageSender {

    private static final Logger log = LoggerFactory.getLogger(MessageSender.class);

    private final KafkaTemplate<String, String> template;

    public MessageSender(KafkaTemplate<String, String> template) {
        this.template = template;
    }

    public void sendLater(String text) {
        long begun = System.currentTimeMillis();
        CompletableFuture.supplyAsync(() -> {
            try {
                return template.send("my_topic", "key", text).get();
            } catch (InterruptedException | ExecutionException cause) {
                throw new IllegalStateException("not sent", cause);
            }
        }).whenComplete((sent, failure) -> {
            long took = System.currentTimeMillis() - begun;
            if (failure == null) {
                log.info("sent in {} ms", took);
            } else {
                log.warn("not sent after {} ms", took, failure);
            }
        });
    }
}
