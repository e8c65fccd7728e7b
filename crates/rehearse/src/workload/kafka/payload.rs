//! What stands in a record, so that whoever reads it knows whose it is.

use crate::ledger::RecordId;

/// Bytes of a record without a wish: small messages are the common ones.
pub(crate) const RECORD_BYTES: usize = 100;

/// What every record of a producer begins with: `wonin/RUN/PRODUCER/`. External clients put the
/// record's number behind it.
pub(crate) fn prefix(run: &str, producer: u32) -> String {
    format!("wonin/{run}/{producer}/")
}

/// The record's text, filled up with dots behind a blank.
pub(crate) fn encode(run: &str, record: RecordId, bytes: usize) -> String {
    let mut text = format!("{}{}", prefix(run, record.producer), record.sequence);
    let missing = bytes.saturating_sub(text.len() + 1);
    if missing > 0 {
        text.push(' ');
        text.extend(std::iter::repeat_n('.', missing));
    }
    text
}

/// Whose record it is; `None` where it is not of this run.
pub(crate) fn decode(run: &str, payload: &[u8]) -> Option<RecordId> {
    let head = payload.split(|byte| *byte == b' ').next()?;
    let text = std::str::from_utf8(head).ok()?;
    let (producer, sequence) =
        text.strip_prefix("wonin/")?.strip_prefix(run)?.strip_prefix('/')?.split_once('/')?;
    Some(RecordId { producer: producer.parse().ok()?, sequence: sequence.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_again() {
        let record = RecordId { producer: 3, sequence: 17 };
        let text = encode("k7", record, RECORD_BYTES);
        assert_eq!((text.len(), text.starts_with("wonin/k7/3/17 .")), (RECORD_BYTES, true));
        assert_eq!(decode("k7", text.as_bytes()), Some(record));
        assert_eq!(decode("k7", encode("k7", record, 0).as_bytes()), Some(record));
    }

    #[test]
    fn records_of_others_are_left_alone() {
        for payload in ["", "wonin/k8/3/17", "wonin/k7/3", "wonin/k7/3/x", "hello", "wonin/k7"] {
            assert_eq!(decode("k7", payload.as_bytes()), None, "{payload}");
        }
        assert_eq!(decode("k7", &[0xff, b'/']), None);
    }
}
