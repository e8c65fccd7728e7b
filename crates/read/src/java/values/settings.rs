//! Kafka's constants and the settings that they name.

/// Constants whose setting does not follow from their name.
const IRREGULAR: &[(&str, &str)] = &[
    ("KEY_DESERIALIZER_CLASS_CONFIG", "key.deserializer"),
    ("KEY_SERIALIZER_CLASS_CONFIG", "key.serializer"),
    ("METADATA_MAX_AGE_CONFIG", "metadata.max.age.ms"),
    ("METADATA_MAX_IDLE_CONFIG", "metadata.max.idle.ms"),
    ("RECEIVE_BUFFER_CONFIG", "receive.buffer.bytes"),
    ("SASL_JAAS_CONFIG", "sasl.jaas.config"),
    ("SASL_LOGIN_CALLBACK_HANDLER_CLASS", "sasl.login.callback.handler.class"),
    ("SEND_BUFFER_CONFIG", "send.buffer.bytes"),
    ("VALUE_DESERIALIZER_CLASS_CONFIG", "value.deserializer"),
    ("VALUE_SERIALIZER_CLASS_CONFIG", "value.serializer"),
];

/// Classes of the Kafka client whose constants name settings.
const OWNERS: &[&str] = &[
    "AdminClientConfig",
    "CommonClientConfigs",
    "ConsumerConfig",
    "ProducerConfig",
    "SaslConfigs",
    "SslConfigs",
    "StreamsConfig",
];

/// The setting that a constant names: `BOOTSTRAP_SERVERS_CONFIG` of `ProducerConfig`. Without an
/// owner (a static import) the name must end as Kafka's do.
pub(crate) fn setting_of_constant(owner: Option<&str>, constant: &str) -> Option<String> {
    match owner {
        Some(owner) if !OWNERS.contains(&owner) => return None,
        None if !constant.ends_with("_CONFIG") => return None,
        _ => {}
    }
    if let Some((_, setting)) = IRREGULAR.iter().find(|(name, _)| *name == constant) {
        return Some((*setting).to_owned());
    }
    let bare = constant.strip_suffix("_CONFIG").unwrap_or(constant);
    Some(bare.to_ascii_lowercase().replace('_', "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants() {
        let of = |owner, constant| setting_of_constant(owner, constant);
        assert_eq!(
            of(Some("ProducerConfig"), "MAX_BLOCK_MS_CONFIG").as_deref(),
            Some("max.block.ms")
        );
        assert_eq!(
            of(Some("ConsumerConfig"), "KEY_DESERIALIZER_CLASS_CONFIG").as_deref(),
            Some("key.deserializer")
        );
        assert_eq!(of(None, "METADATA_MAX_AGE_CONFIG").as_deref(), Some("metadata.max.age.ms"));
        assert_eq!(of(Some("JsonDeserializer"), "TRUSTED_PACKAGES"), None);
        assert_eq!(of(None, "TRUSTED_PACKAGES"), None);
    }
}
