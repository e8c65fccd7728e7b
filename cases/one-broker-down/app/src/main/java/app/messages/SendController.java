package app.messages;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
public class SendController {

    private final MessageSender sender;

    public SendController(MessageSender sender) {
        this.sender = sender;
    }

    @GetMapping("/sendMessage")
    public String sendMessage() {
        sender.sendLater("hello");
        return "sent";
    }
}
