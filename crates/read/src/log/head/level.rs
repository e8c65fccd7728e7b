//! How serious a line is, by the names and numbers that loggers give.

use wonin_model::Level;

/// Syslog's severity: 0 is an emergency, 7 is debug.
pub(in crate::log) fn severity(number: i64) -> Level {
    match number {
        ..=3 => Level::Error,
        4 => Level::Warning,
        _ => Level::Info,
    }
}

/// A level's name, in any case and of any logger.
pub(in crate::log) fn level_of(word: &str) -> Option<Level> {
    let bytes = word.as_bytes();
    if bytes.len() > 11 || bytes.is_empty() || !bytes[0].is_ascii_alphabetic() {
        return None;
    }
    let mut upper = [0u8; 11];
    for (into, byte) in upper.iter_mut().zip(bytes) {
        *into = byte.to_ascii_uppercase();
    }
    match &upper[..bytes.len()] {
        b"TRACE" | b"DEBUG" | b"INFO" | b"NOTICE" | b"LOG" | b"NOTE" | b"SYSTEM" | b"FINE"
        | b"FINER" | b"FINEST" | b"CONFIG" | b"VERBOSE" | b"INFORMATION" | b"DEBUG1"
        | b"DETAIL" | b"HINT" | b"STATEMENT" | b"CONTEXT" | b"QUERY" | b"I" | b"D" | b"V"
        | b"DBG" | b"INF" | b"TRC" | b"VRB" => Some(Level::Info),
        b"WARN" | b"WARNING" | b"W" | b"WRN" => Some(Level::Warning),
        b"ERROR" | b"ERR" | b"SEVERE" | b"FATAL" | b"CRITICAL" | b"CRIT" | b"ALERT" | b"EMERG"
        | b"EMERGENCY" | b"PANIC" | b"DPANIC" | b"E" | b"F" | b"FTL" | b"FAILURE" => {
            Some(Level::Error)
        }
        _ => None,
    }
}
