//! Templates: which messages are one text with other values.
//!
//! Two stages. While reading, messages that are equal but for what looks like a value (see
//! [`mask`](super::mask)) share a signature; a look-up by hash, or in a tree of fixed depth (key,
//! pieces, first word), finds it. At the end, and whenever there are too many, signatures are
//! laid together: a word is a value, too, where many different ones stand at one place of an
//! otherwise equal text. That can only be seen with the whole log at hand, which is why it waits.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use indexmap::IndexSet;

use super::mask::{Kind, Piece, cut};

/// Signatures held at once; more of them are laid together, and then the rarest forgotten.
const SIGNATURES_MAX: usize = 16 << 10;
/// Hashes remembered; forgetting one costs a look-up in the tree.
const HASHES_MAX: usize = 4 * SIGNATURES_MAX;
/// Different words at one place that make it a value.
const WORDS_OF_VALUE: usize = 6;
/// Share of equal words, in hundredths, that makes two signatures one template.
const ALIKE_PERCENT: usize = 90;
/// Templates of one leaf that a signature is compared with.
const LEAF_MAX: usize = 128;

/// A number in place of a word: the value.
const VALUE: u32 = 0;
/// How a value is written in a template.
const VALUE_TEXT: &str = "<*>";

/// Hashes are mixed already.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type ByHash = HashMap<u64, u32, BuildHasherDefault<Mixed>>;

/// Words are hashed eight bytes at a time.
#[derive(Default)]
struct Text(u64);

impl Hasher for Text {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(self.0, bytes);
    }

    fn write_u8(&mut self, value: u8) {
        self.0 = mix(self.0, u64::from(value));
    }
}

type Words = IndexSet<Box<str>, BuildHasherDefault<Text>>;

/// One step of a hash.
pub(super) fn mix(hash: u64, value: u64) -> u64 {
    let mixed = (hash ^ value).wrapping_mul(0x9fb2_1c65_1e98_df25);
    mixed ^ (mixed >> 29)
}

/// The hash of some bytes, eight at a time.
pub(super) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0u8; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56))
}

/// One piece of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    /// Number of the word or mark, [`VALUE`] for a value.
    word: u32,
    is_mark: bool,
    spaced: bool,
}

/// Messages that are equal but for their values.
#[derive(Debug, Default)]
struct Signature {
    key: u64,
    tokens: Vec<Token>,
    count: u64,
}

impl Signature {
    fn first(&self) -> u32 {
        self.tokens.first().map_or(VALUE, |token| token.word)
    }

    fn leaf(&self) -> Leaf {
        (self.key, self.tokens.len(), self.first())
    }

    /// Whether a place holds a word, which could turn out to be a value.
    fn is_word(&self, at: usize) -> bool {
        !self.tokens[at].is_mark && self.tokens[at].word != VALUE
    }

    fn words(&self) -> usize {
        (0..self.tokens.len()).filter(|&at| self.is_word(at)).count()
    }
}

/// Key, number of pieces, first word.
type Leaf = (u64, usize, u32);

/// Finds the templates of one file's messages.
#[derive(Debug)]
pub(super) struct Miner {
    pieces: Vec<Piece>,
    by_hash: ByHash,
    /// Signatures that hold words turned values, which no hash finds.
    tree: BTreeMap<Leaf, Vec<u32>>,
    /// Words by their numbers; the first one stands for a value.
    words: Words,
    signatures: Vec<Signature>,
    /// Whether words were turned into values at all.
    is_laid: bool,
}

impl std::fmt::Debug for Mixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Default for Miner {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            by_hash: ByHash::default(),
            tree: BTreeMap::new(),
            words: std::iter::once(VALUE_TEXT.into()).collect(),
            signatures: Vec::new(),
            is_laid: false,
        }
    }
}

impl Miner {
    /// The number of a message's signature. Messages of different keys never share one. Numbers
    /// are valid until [`Miner::lay_together`].
    pub(super) fn learn(&mut self, key: u64, message: &str) -> u32 {
        cut(message, &mut self.pieces);
        let hash = self.hash(key, message);
        if let Some(&number) = self.by_hash.get(&hash) {
            self.signatures[number as usize].count += 1;
            return number;
        }
        let covering = if self.is_laid { self.in_tree(key, message) } else { None };
        let number = if let Some(number) = covering {
            self.signatures[number as usize].count += 1;
            number
        } else {
            let signature = self.signature(key, message);
            self.signatures.push(signature);
            self.signatures.len() as u32 - 1
        };
        if self.by_hash.len() >= HASHES_MAX {
            self.by_hash.clear();
        }
        self.by_hash.insert(hash, number);
        number
    }

    /// Whether it is time for [`Miner::lay_together`].
    pub(super) fn is_full(&self) -> bool {
        self.signatures.len() >= SIGNATURES_MAX
    }

    /// The text of a template, `<*>` for a value.
    pub(super) fn text(&self, number: u32) -> String {
        let mut out = String::new();
        for token in &self.signatures[number as usize].tokens {
            if token.spaced && !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&self.words[token.word as usize]);
        }
        out
    }

    fn hash(&self, key: u64, message: &str) -> u64 {
        let bytes = message.as_bytes();
        self.pieces.iter().fold(mix(key, 0x5bd1), |hash, piece| match piece.kind {
            Kind::Value => mix(hash, 0xff51),
            Kind::Mark => mix(hash, u64::from(bytes[piece.start as usize]) | 0x100),
            Kind::Word => hash_bytes(hash, &bytes[piece.start as usize..piece.end as usize]),
        })
    }

    fn signature(&mut self, key: u64, message: &str) -> Signature {
        let pieces = std::mem::take(&mut self.pieces);
        let tokens = pieces.iter().map(|piece| Token {
            word: match piece.kind {
                Kind::Value => VALUE,
                Kind::Word | Kind::Mark => {
                    self.word(&message[piece.start as usize..piece.end as usize])
                }
            },
            is_mark: piece.kind == Kind::Mark,
            spaced: piece.spaced,
        });
        let signature = Signature { key, tokens: tokens.collect(), count: 1 };
        self.pieces = pieces;
        signature
    }

    fn word(&mut self, text: &str) -> u32 {
        let known = self.words.get_index_of(text);
        known.unwrap_or_else(|| self.words.insert_full(text.into()).0) as u32
    }

    /// A signature whose values cover the message just cut. Words that no signature has get no
    /// number here, so that messages of one template cost nothing.
    fn in_tree(&self, key: u64, message: &str) -> Option<u32> {
        let word = |piece: &Piece| match piece.kind {
            Kind::Value => Some(VALUE),
            Kind::Word | Kind::Mark => {
                let text = &message[piece.start as usize..piece.end as usize];
                self.words.get_index_of(text).map(|number| number as u32)
            }
        };
        let leaf = (key, self.pieces.len(), word(self.pieces.first()?)?);
        let numbers = self.tree.get(&leaf)?;
        let words: Vec<Option<u32>> = self.pieces.iter().map(word).collect();
        let covers = |number: &&u32| {
            let known = self.signatures[**number as usize].tokens.iter();
            known.zip(&words).zip(&self.pieces).all(|((known, word), piece)| {
                *word == Some(known.word) || (known.word == VALUE && piece.kind != Kind::Mark)
            })
        };
        numbers.iter().take(LEAF_MAX).find(covers).copied()
    }

    /// Lays signatures together that are one template. Gives the new number of each old one.
    pub(super) fn lay_together(&mut self) -> Vec<u32> {
        self.turn_columns();
        let mut new = self.cluster();
        if self.signatures.len() > SIGNATURES_MAX / 2 {
            let kept = self.forget_rare();
            for number in &mut new {
                *number = kept[*number as usize];
            }
        }
        self.rebuild();
        new
    }

    /// Turns words into values where many different ones stand at one place of an otherwise equal
    /// text, until nothing changes.
    fn turn_columns(&mut self) {
        let mut columns: Vec<Column> = Vec::new();
        loop {
            columns.clear();
            for (number, signature) in self.signatures.iter().enumerate() {
                add_columns(signature, number as u32, &mut columns);
            }
            columns.sort_unstable();
            let mut turned: Vec<(u32, u32)> = Vec::new();
            for column in columns.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
                let words = column.chunk_by(|one, other| one.2 == other.2).count();
                if words >= WORDS_OF_VALUE {
                    turned.extend(column.iter().map(|&(_, at, _, number)| (number, at)));
                }
            }
            if turned.is_empty() {
                return;
            }
            for (number, at) in turned {
                self.signatures[number as usize].tokens[at as usize].word = VALUE;
            }
        }
    }

    /// Makes signatures one that are alike, the most frequent first.
    fn cluster(&mut self) -> Vec<u32> {
        let mut old = std::mem::take(&mut self.signatures);
        let mut order: Vec<usize> = (0..old.len()).collect();
        order.sort_by_key(|&number| (std::cmp::Reverse(old[number].count), number));
        let mut leaves: BTreeMap<Leaf, Vec<u32>> = BTreeMap::new();
        let mut new = vec![0; old.len()];
        for number in order {
            let signature = &old[number];
            let leaf = leaves.entry(signature.leaf()).or_default();
            let alike = leaf.iter().take(LEAF_MAX).filter_map(|&known| {
                let share = share_alike(&self.signatures[known as usize], signature)?;
                (share >= ALIKE_PERCENT).then_some((share, known))
            });
            let best = alike.max_by_key(|&(share, known)| (share, std::cmp::Reverse(known)));
            if let Some((_, known)) = best {
                let template = &mut self.signatures[known as usize];
                template.count += signature.count;
                for (token, other) in template.tokens.iter_mut().zip(&signature.tokens) {
                    if token.word != other.word {
                        token.word = VALUE;
                    }
                }
                new[number] = known;
            } else {
                new[number] = self.signatures.len() as u32;
                leaf.push(new[number]);
                self.signatures.push(std::mem::take(&mut old[number]));
            }
        }
        new
    }

    /// Keeps the most frequent signatures; the others become one per key.
    fn forget_rare(&mut self) -> Vec<u32> {
        let mut old = std::mem::take(&mut self.signatures);
        let mut order: Vec<usize> = (0..old.len()).collect();
        order.sort_by_key(|&number| (std::cmp::Reverse(old[number].count), number));
        let mut new = vec![0; old.len()];
        let mut others: BTreeMap<u64, u32> = BTreeMap::new();
        for (rank, number) in order.into_iter().enumerate() {
            let signature = &mut old[number];
            if rank < SIGNATURES_MAX / 4 && !signature.tokens.is_empty() {
                new[number] = self.signatures.len() as u32;
                self.signatures.push(std::mem::take(signature));
                continue;
            }
            let other = *others.entry(signature.key).or_insert_with(|| {
                let tokens = Vec::new();
                self.signatures.push(Signature { key: signature.key, tokens, count: 0 });
                self.signatures.len() as u32 - 1
            });
            self.signatures[other as usize].count += signature.count;
            new[number] = other;
        }
        new
    }

    /// Words, tree and hashes anew from the signatures.
    fn rebuild(&mut self) {
        let mut old: Vec<(Box<str>, u32)> =
            std::mem::take(&mut self.words).into_iter().map(|word| (word, VALUE)).collect();
        self.by_hash.clear();
        self.tree.clear();
        self.words.insert(VALUE_TEXT.into());
        let mut signatures = std::mem::take(&mut self.signatures);
        for (number, signature) in signatures.iter_mut().enumerate() {
            for token in &mut signature.tokens {
                if token.word != VALUE {
                    let (word, number) = &mut old[token.word as usize];
                    if *number == VALUE {
                        *number = self.words.insert_full(std::mem::take(word)).0 as u32;
                    }
                    token.word = *number;
                }
            }
            self.tree.entry(signature.leaf()).or_default().push(number as u32);
        }
        self.signatures = signatures;
        self.is_laid = true;
    }
}

/// The hash of all around a word, its place, the word, and the signature's number.
type Column = (u64, u32, u32, u32);

/// The words of a signature that could be values. The first one stays: it says what the text is
/// about; and something must stay that the texts have in common.
fn add_columns(signature: &Signature, number: u32, columns: &mut Vec<Column>) {
    if signature.words() < 2 {
        return;
    }
    let tokens = &signature.tokens;
    // Hashes of what follows each place.
    let mut after = vec![0; tokens.len() + 1];
    for at in (0..tokens.len()).rev() {
        after[at] = mix(after[at + 1], u64::from(tokens[at].word));
    }
    let mut before = mix(signature.key, tokens.len() as u64);
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && signature.is_word(at) {
            columns.push((mix(before, after[at + 1]), at as u32, token.word, number));
        }
        before = mix(before, u64::from(token.word));
    }
}

/// The share of equal words in hundredths; `None` where punctuation differs.
fn share_alike(one: &Signature, other: &Signature) -> Option<usize> {
    let (mut same, mut all) = (0, 0);
    for (one, other) in one.tokens.iter().zip(&other.tokens) {
        if one.is_mark || other.is_mark {
            if one.word != other.word {
                return None;
            }
        } else if one.word != VALUE || other.word != VALUE {
            all += 1;
            same += usize::from(one.word == other.word);
        }
    }
    Some((same * 100).checked_div(all).unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(messages: impl IntoIterator<Item = String>) -> Vec<(String, u64)> {
        let mut miner = Miner::default();
        for message in messages {
            if miner.is_full() {
                miner.lay_together();
            }
            miner.learn(0, &message);
        }
        miner.lay_together();
        let all = 0..miner.signatures.len() as u32;
        all.map(|number| (miner.text(number), miner.signatures[number as usize].count)).collect()
    }

    #[test]
    fn numbers_are_values_and_words_are_not() {
        let found = templates((0..10).map(|number| {
            format!("Took {number}.5 seconds to {} it", ["build", "drop"][number % 2])
        }));
        let expected =
            [("Took <*> to build it".to_owned(), 5), ("Took <*> to drop it".to_owned(), 5)];
        assert_eq!(found, expected);
    }

    #[test]
    fn many_words_at_one_place_are_a_value() {
        let names = ["ann", "bob", "cid", "dan", "eve", "fay", "gus"];
        let found =
            templates(names.iter().map(|name| format!("Invalid user {name} from 10.0.0.1")));
        assert_eq!(found, [("Invalid user <*> from <*>".to_owned(), 7)]);
    }

    #[test]
    fn words_of_known_templates_cost_nothing() {
        let mut miner = Miner::default();
        let name = |number: u32| {
            let digit = |by: u32| char::from(b'a' + (number / by % 26) as u8);
            [digit(1), digit(26), digit(676), 'x'].iter().collect::<String>()
        };
        for number in 0..10 {
            miner.learn(0, &format!("Invalid user {} today", name(number)));
        }
        miner.lay_together();
        let words = miner.words.len();
        for number in 10..1000 {
            miner.learn(0, &format!("Invalid user {} today", name(number)));
        }
        assert_eq!((miner.words.len(), miner.signatures.len()), (words, 1));
    }

    #[test]
    fn memory_stays_bounded_when_every_message_is_new() {
        let letters = |mut number: u64| {
            let mut out = String::new();
            while number > 0 {
                out.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
            out
        };
        let messages = (0..100_000u64)
            .map(|number| format!("{} {}", letters(number * 7919), letters(number * 104_729)));
        let found = templates(messages);
        assert!(found.len() < SIGNATURES_MAX);
        assert_eq!(found.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
    }
}
