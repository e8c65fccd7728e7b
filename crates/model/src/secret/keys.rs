//! Which names announce a secret.

/// Last words of names whose value is a secret.
const SECRET_WORDS: &[&str] = &[
    "credential",
    "credentials",
    "masterauth",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "primaryauth",
    "pwd",
    "pw",
    "requirepass",
    "secret",
    "token",
];

/// Ends of single words written together, as in `accesstoken`.
const SECRET_ENDS: &[&str] = &[
    "accesskey",
    "apikey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "token",
];

/// Words that make a following `key` a secret, as in `access.key`.
const KEY_WORDS: &[&str] = &[
    "access",
    "account",
    "api",
    "auth",
    "encryption",
    "license",
    "master",
    "private",
    "secret",
    "shared",
    "signing",
    "storage",
];

/// Words behind the telling one that do not change what it tells.
const NEUTRAL_WORDS: &[&str] = &[
    "b64",
    "base",
    "base64",
    "default",
    "dev",
    "encoded",
    "hash",
    "local",
    "new",
    "old",
    "plain",
    "prod",
    "production",
    "staging",
    "string",
    "test",
    "text",
    "value",
];

/// Whole names that only look like one: nginx's `proxy_pass` and its like name an address.
const HARMLESS: &[&str] =
    &["fastcgi_pass", "grpc_pass", "memcached_pass", "proxy_pass", "scgi_pass", "uwsgi_pass"];

/// Whether the value behind this name is a secret: `MYSQL_ROOT_PASSWORD`, `db.password`,
/// `setClientSecret`, `aws_secret_access_key`, but not `PASSWORD_FILE`, `token.ttl`, `max_tokens`.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let Some(&last) = key.as_bytes().last() else {
        return false;
    };
    // Most names of a file fall here, without any copying.
    if !last.is_ascii_alphanumeric() || key.len() > 200 || key.len() < 2 {
        return false;
    }
    if HARMLESS.iter().any(|name| name.eq_ignore_ascii_case(key)) {
        return false;
    }
    let mut words = Words { rest: key };
    let mut word = words.next_back();
    while let Some(found) = word {
        if !is_neutral(found) {
            break;
        }
        word = words.next_back();
    }
    let Some(word) = word.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())) else {
        return false;
    };
    if is_any(SECRET_WORDS, word) {
        return true;
    }
    if word.eq_ignore_ascii_case("key") {
        return words.next_back().is_some_and(|before| is_any(KEY_WORDS, before));
    }
    SECRET_ENDS.iter().any(|end| ends_with_ignoring_case(word, end))
}

fn is_neutral(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit()) || is_any(NEUTRAL_WORDS, word)
}

fn is_any(list: &[&str], word: &str) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

fn ends_with_ignoring_case(word: &str, end: &str) -> bool {
    word.len() >= end.len()
        && word.as_bytes()[word.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

/// The words of a name from the last to the first, in any of the usual ways of joining them.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn next_back(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let bytes = rest.as_bytes();
        if bytes.is_empty() {
            return None;
        }
        let mut start = bytes.len() - 1;
        while start > 0 && !starts_word(bytes[start - 1], bytes[start]) {
            start -= 1;
        }
        let (before, word) = rest.split_at_checked(start)?;
        self.rest = before;
        Some(word)
    }
}

fn starts_word(before: u8, here: u8) -> bool {
    !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && here.is_ascii_uppercase())
}
